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
  image?: string;
  ports?: ContainerPort[];
  restartPolicy?: string;
  env?: { name: string; value?: string; valueFrom?: object }[];
  resources?: { requests?: Record<string, string | number> };
};

export type Toleration = {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
  tolerationSeconds?: number;
};

export type NodeSelectorRequirement = { key: string; operator: string; values?: string[] };

export type NodeSelectorTerm = {
  matchExpressions?: NodeSelectorRequirement[];
  matchFields?: NodeSelectorRequirement[];
};

/** Pods that a pod wants to be near, or far from, where nodes with one value of the topology key are one place. */
export type PodAffinityTerm = {
  labelSelector?: LabelSelectorSpec;
  namespaces?: string[];
  namespaceSelector?: LabelSelectorSpec;
  topologyKey: string;
};

export type PodAffinity = {
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[];
  preferredDuringSchedulingIgnoredDuringExecution?: { weight: number; podAffinityTerm: PodAffinityTerm }[];
};

export type NodeAffinity = {
  requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: NodeSelectorTerm[] };
  preferredDuringSchedulingIgnoredDuringExecution?: { weight: number; preference: NodeSelectorTerm }[];
};

export type TopologySpreadConstraint = {
  maxSkew: number;
  minDomains?: number;
  topologyKey: string;
  whenUnsatisfiable: string;
  labelSelector?: LabelSelectorSpec;
  matchLabelKeys?: string[];
  nodeAffinityPolicy?: string;
  nodeTaintsPolicy?: string;
};

/** A volume of a pod; of its sources only those that say what storage is needed. */
export type PodVolume = {
  name: string;
  persistentVolumeClaim?: { claimName: string; readOnly?: boolean };
  ephemeral?: unknown;
};

export type PodSpec = {
  volumes?: PodVolume[];
  nodeName?: string;
  schedulerName?: string;
  restartPolicy?: string;
  schedulingGates?: unknown[];
  hostname?: string;
  subdomain?: string;
  hostNetwork?: boolean;
  containers: Container[];
  initContainers?: Container[];
  overhead?: Record<string, string | number>;
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
  affinity?: { nodeAffinity?: NodeAffinity; podAffinity?: PodAffinity; podAntiAffinity?: PodAffinity };
  topologySpreadConstraints?: TopologySpreadConstraint[];
  resourceClaims?: unknown[];
  priority?: number;
  preemptionPolicy?: string;
  terminationGracePeriodSeconds?: number;
  /** What the pod asks for as a whole, in place of what its containers ask for. */
  resources?: { requests?: Record<string, string | number> };
};

export type ContainerStatus = {
  name: string;
  restartCount?: number;
  state?: { terminated?: { exitCode: number; finishedAt?: string } };
};

export type PodStatus = {
  phase?: string;
  reason?: string;
  startTime?: string;
  nominatedNodeName?: string;
  podIP?: string;
  podIPs?: { ip: string }[];
  conditions?: Condition[];
  containerStatuses?: ContainerStatus[];
  initContainerStatuses?: ContainerStatus[];
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
  ipFamilies?: ('IPv4' | 'IPv6')[];
  trafficDistribution?: string;
  selector?: Record<string, string>;
  ports?: ServicePort[];
  publishNotReadyAddresses?: boolean;
};

export type Service = KubeObject<ServiceSpec>;

export type Taint = { key: string; value?: string; effect: string; timeAdded?: string };

export type NodeSpec = { unschedulable?: boolean; taints?: Taint[] };

/** A node also says when it last looked. */
export type NodeCondition = Condition & { lastHeartbeatTime?: string };

export type NodeStatus = {
  allocatable?: Record<string, string | number>;
  conditions?: NodeCondition[];
  images?: { names?: string[]; sizeBytes?: number }[];
};

export type Node = KubeObject<NodeSpec, NodeStatus>;
