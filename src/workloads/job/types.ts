// What the controllers of Jobs read and write of them (batch/v1).
import type { Condition, KubeObject, LabelSelectorSpec } from '../../machinery/index.ts';
import type { PodTemplate } from '../types.ts';

export type FailureRule = {
  action: 'Ignore' | 'FailIndex' | 'Count' | 'FailJob';
  onExitCodes?: { containerName?: string; operator: 'In' | 'NotIn'; values: number[] };
  onPodConditions?: { type: string; status: string }[];
};

export type SuccessRule = { succeededIndexes?: string; succeededCount?: number };

export type JobSpec = {
  parallelism?: number;
  completions?: number;
  completionMode?: 'NonIndexed' | 'Indexed';
  activeDeadlineSeconds?: number;
  backoffLimit?: number;
  backoffLimitPerIndex?: number;
  maxFailedIndexes?: number;
  podFailurePolicy?: { rules: FailureRule[] };
  successPolicy?: { rules: SuccessRule[] };
  podReplacementPolicy?: 'TerminatingOrFailed' | 'Failed';
  selector?: LabelSelectorSpec;
  template: PodTemplate;
  ttlSecondsAfterFinished?: number;
  suspend?: boolean;
  managedBy?: string;
};

/** Unlike most conditions it also says when it was last looked at. */
export type JobCondition = Condition & { lastProbeTime?: string };

export type JobStatus = {
  conditions?: JobCondition[];
  startTime?: string;
  completionTime?: string;
  active?: number;
  ready?: number;
  terminating?: number;
  succeeded?: number;
  failed?: number;
  completedIndexes?: string;
  failedIndexes?: string;
  /** Pods (by uid) that have ended and will be counted once nothing keeps them from being deleted. */
  uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] };
};

export type Job = KubeObject<JobSpec, JobStatus>;
