import type { Fields, KubeObject, LabelSelectorSpec } from '../../machinery/index.ts';
import type { PodSpec, PodTemplate } from '../types.ts';

export type VolumeClaim = KubeObject;

export type StatefulSetSpec = {
  replicas?: number;
  serviceName?: string;
  selector: LabelSelectorSpec;
  template: PodTemplate;
  minReadySeconds?: number;
  revisionHistoryLimit?: number;
  podManagementPolicy?: 'OrderedReady' | 'Parallel';
  ordinals?: { start?: number };
  updateStrategy?: { type?: 'RollingUpdate' | 'OnDelete'; rollingUpdate?: { partition?: number } };
  volumeClaimTemplates?: VolumeClaim[];
  persistentVolumeClaimRetentionPolicy?: { whenDeleted?: 'Retain' | 'Delete'; whenScaled?: 'Retain' | 'Delete' };
};

export type StatefulSetStatus = {
  observedGeneration?: number;
  replicas: number;
  readyReplicas?: number;
  currentReplicas?: number;
  updatedReplicas?: number;
  availableReplicas: number;
  currentRevision?: string;
  updateRevision?: string;
  collisionCount?: number;
};

export type StatefulSet = KubeObject<StatefulSetSpec, StatefulSetStatus>;

/** A pod's spec with its volumes. */
export type StatefulPodSpec = PodSpec & { volumes?: (Fields & { name: string })[] };
