import type { Condition, KubeObject } from '../../machinery/index.ts';
import { AGE, ageOf, column, joinedOrNone, NAME, NONE, table, wideColumn } from './table.ts';

interface NodeStatus {
  conditions?: Condition[];
  addresses?: { type: string; address: string }[];
  nodeInfo?: { kubeletVersion?: string; osImage?: string; kernelVersion?: string; containerRuntimeVersion?: string };
}
type Node = KubeObject<{ unschedulable?: boolean }, NodeStatus>;

const UNKNOWN = '<unknown>';
const ROLE_PREFIX = 'node-role.kubernetes.io/';

export const nodePrinter = table<Node>(
  [
    NAME,
    column('Status', 'Whether the node is ready, and whether pods may be put there.'),
    column('Roles', 'Roles of the node.'),
    AGE,
    column('Version', 'Version of the node agent.'),
    wideColumn('Internal-IP', 'Address in the cluster.'),
    wideColumn('External-IP', 'Address from outside.'),
    wideColumn('OS-Image', 'Operating system.'),
    wideColumn('Kernel-Version', 'Version of the kernel.'),
    wideColumn('Container-Runtime', 'What runs the containers.'),
  ],
  (node, now) => {
    const info = node.status?.nodeInfo;
    return [
      node.metadata.name,
      nodeState(node),
      joinedOrNone(nodeRoles(node)),
      ageOf(node, now),
      info?.kubeletVersion ?? '',
      addressOf(node, 'InternalIP'),
      addressOf(node, 'ExternalIP'),
      info?.osImage || UNKNOWN,
      info?.kernelVersion || UNKNOWN,
      info?.containerRuntimeVersion || UNKNOWN,
    ];
  },
);

function nodeState(node: Node): string {
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  const state = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return node.spec?.unschedulable ? `${state},SchedulingDisabled` : state;
}

function nodeRoles(node: Node): string[] {
  const roles = new Set<string>();
  for (const [label, value] of Object.entries(node.metadata.labels ?? {})) {
    const role = label.startsWith(ROLE_PREFIX) ? label.slice(ROLE_PREFIX.length) : undefined;
    if (role) roles.add(role);
    else if (label === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return [...roles].sort();
}

function addressOf(node: Node, type: string): string {
  return node.status?.addresses?.find((address) => address.type === type)?.address ?? NONE;
}

export const namespacePrinter = table<KubeObject<object, { phase?: string }>>(
  [NAME, column('Status', 'Active or Terminating.'), AGE],
  (namespace, now) => [namespace.metadata.name, namespace.status?.phase ?? '', ageOf(namespace, now)],
);

export const leasePrinter = table<KubeObject<{ holderIdentity?: string }>>(
  [NAME, column('Holder', 'Who holds the lease.'), AGE],
  (lease, now) => [lease.metadata.name, lease.spec?.holderIdentity ?? '', ageOf(lease, now)],
);

interface PriorityClass extends KubeObject {
  value?: number;
  globalDefault?: boolean;
  preemptionPolicy?: string;
}

export const priorityClassPrinter = table<PriorityClass>(
  [
    NAME,
    column('Value', 'The priority; higher is more important.', 'integer'),
    column('Global-Default', 'Whether pods without a class get this one.', 'boolean'),
    AGE,
    column('PreemptionPolicy', 'Whether pods of this class may push others out.'),
  ],
  (priorityClass, now) => [
    priorityClass.metadata.name,
    priorityClass.value ?? 0,
    priorityClass.globalDefault ?? false,
    ageOf(priorityClass, now),
    priorityClass.preemptionPolicy ?? '',
  ],
);
