import type { KubeObject, LabelSelectorSpec } from '../../machinery/index.ts';
import type { PodTemplate } from '../types.ts';

export type DaemonSetSpec = {
  selector: LabelSelectorSpec;
  template: PodTemplate;
  minReadySeconds?: number;
  revisionHistoryLimit?: number;
  updateStrategy?: {
    type?: 'RollingUpdate' | 'OnDelete';
    rollingUpdate?: { maxUnavailable?: number | string; maxSurge?: number | string };
  };
};

export type DaemonSetStatus = {
  observedGeneration?: number;
  desiredNumberScheduled: number;
  currentNumberScheduled: number;
  numberMisscheduled: number;
  numberReady: number;
  updatedNumberScheduled?: number;
  numberAvailable?: number;
  numberUnavailable?: number;
  collisionCount?: number;
};

export type DaemonSet = KubeObject<DaemonSetSpec, DaemonSetStatus>;
