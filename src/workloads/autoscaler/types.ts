import type { Condition, KubeObject, LabelSelectorSpec } from '../../machinery/index.ts';

/** autoscaling/v2 HorizontalPodAutoscaler, as far as the autoscaler reads and writes it. Quantities are texts. */
export type Autoscaler = KubeObject<AutoscalerSpec, AutoscalerStatus>;

export type AutoscalerSpec = {
  scaleTargetRef: { apiVersion?: string; kind: string; name: string };
  minReplicas?: number;
  maxReplicas: number;
  metrics?: MetricSpec[];
  behavior?: Behavior;
};

export type AutoscalerStatus = {
  currentReplicas?: number;
  desiredReplicas: number;
  lastScaleTime?: string;
  currentMetrics?: MetricStatus[] | null;
  conditions?: Condition[];
};

export type Behavior = { scaleUp: ScalingRules; scaleDown: ScalingRules };

/** The API server fills in the policies of both directions, and all else but the window of scaling down. */
export type ScalingRules = {
  stabilizationWindowSeconds?: number;
  selectPolicy: 'Max' | 'Min' | 'Disabled';
  policies: ScalingPolicy[];
  tolerance?: string;
};

export type ScalingPolicy = { type: 'Pods' | 'Percent'; value: number; periodSeconds: number };

export type MetricTarget = { type: string; value?: string; averageValue?: string; averageUtilization?: number };
export type MetricIdentifier = { name: string; selector?: LabelSelectorSpec };
export type ObjectReference = { apiVersion?: string; kind: string; name: string };

export type MetricSpec =
  | { type: 'Resource'; resource: { name: string; target: MetricTarget } }
  | { type: 'ContainerResource'; containerResource: { name: string; container: string; target: MetricTarget } }
  | { type: 'Pods'; pods: { metric: MetricIdentifier; target: MetricTarget } }
  | { type: 'Object'; object: { describedObject: ObjectReference; metric: MetricIdentifier; target: MetricTarget } }
  | { type: 'External'; external: { metric: MetricIdentifier; target: MetricTarget } };

export type MetricValue = { value?: string; averageValue?: string; averageUtilization?: number };

/** The status of a metric that could not be read is empty. */
export type MetricStatus = {
  type: string;
  resource?: { name: string; current: MetricValue };
  containerResource?: { name: string; container: string; current: MetricValue };
  external?: { metric: MetricIdentifier; current: MetricValue };
};

/** autoscaling/v1 Scale. */
export type Scale = KubeObject<{ replicas?: number }, { replicas: number; selector?: string }>;
