// What the controllers read and write of the built-in kinds; not the whole kinds. Type aliases, not interfaces, so that
// they are assignable to the generic KubeObject.
import type { Condition, KubeObject, LabelSelectorSpec, ObjectMeta } from '../machinery/index.ts';

export type PodTemplate = {
  metadata?: Partial<ObjectMeta>;
  spec: PodSpec;
};

export type ContainerPort = {
  name?: string;
  containerPort: number;
  hostPort?: number;
  hostIP?: string;
  protocol?: string;
};

export type Container = {
  name: string;
  ports?: ContainerPort[];
  restartPolicy?: string;
  resources?: { requests?: Record<string, string | number> };
};

export type Toleration = { key?: string; operator?: string; value?: string; effect?: string };

export type NodeSelectorRequirement = { key: string; operator: string; values?: string[] };

export type NodeSelectorTerm = {
  matchExpressions?: NodeSelectorRequirement[];
  matchFields?: NodeSelectorRequirement[];
};

export type PodSpec = {
  nodeName?: string;
  schedulerName?: string;
  schedulingGates?: unknown[];
  hostname?: string;
  subdomain?: string;
  hostNetwork?: boolean;
  containers: Container[];
  initContainers?: Container[];
  overhead?: Record<string, string | number>;
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
  affinity?: {
    nodeAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: NodeSelectorTerm[] } };
  };
};

export type PodStatus = {
  phase?: string;
  podIP?: string;
  conditions?: Condition[];
  containerStatuses?: { restartCount?: number }[];
};

export type Pod = KubeObject<PodSpec, PodStatus>;

/** apps/v1 DeploymentCondition: unlike most conditions it also says when it was last confirmed. */
export type DeploymentCondition = Condition & { lastUpdateTime?: string };

export type DeploymentSpec = {
  replicas?: number;
  selector: LabelSelectorSpec;
  template: PodTemplate;
  paused?: boolean;
  minReadySeconds?: number;
  progressDeadlineSeconds?: number;
  revisionHistoryLimit?: number;
  strategy?: {
    type?: 'RollingUpdate' | 'Recreate';
    rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string };
  };
};

export type DeploymentStatus = {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  collisionCount?: number;
  conditions?: DeploymentCondition[];
};

export type Deployment = KubeObject<DeploymentSpec, DeploymentStatus>;

export type ReplicaSetSpec = {
  replicas?: number;
  selector: LabelSelectorSpec;
  template: PodTemplate;
  minReadySeconds?: number;
};

export type ReplicaSetStatus = {
  observedGeneration?: number;
  replicas: number;
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  conditions?: Condition[];
};

export type ReplicaSet = KubeObject<ReplicaSetSpec, ReplicaSetStatus>;

export type ServicePort = {
  name?: string;
  port: number;
  targetPort?: number | string;
  protocol?: string;
  appProtocol?: string;
};

export type ServiceSpec = {
  type?: string;
  clusterIP?: string;
  selector?: Record<string, string>;
  ports?: ServicePort[];
  publishNotReadyAddresses?: boolean;
};

export type Service = KubeObject<ServiceSpec>;

export type NodeSpec = { unschedulable?: boolean; taints?: { key: string; value?: string; effect: string }[] };

export type NodeStatus = { allocatable?: Record<string, string | number>; conditions?: Condition[] };

export type Node = KubeObject<NodeSpec, NodeStatus>;
