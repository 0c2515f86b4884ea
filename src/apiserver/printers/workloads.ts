import { controllerOf, groupOf, type KubeObject } from '../../machinery/index.ts';
import { AGE, ageOf, column, formatLabels, formatSelector, NAME, NONE, table } from './table.ts';
import { CONTAINER_COLUMNS, containerCells, type PodTemplate, TEMPLATE_COLUMNS, templateCells } from './templates.ts';

interface WorkloadSpec extends PodTemplate {
  replicas?: number;
  selector?: { matchLabels?: Record<string, string> };
}
interface WorkloadStatus {
  replicas?: number;
  readyReplicas?: number;
  updatedReplicas?: number;
  availableReplicas?: number;
}
type Workload = KubeObject<WorkloadSpec, WorkloadStatus>;

export const deploymentPrinter = table<Workload>(
  [
    NAME,
    column('Ready', 'Pods that are ready, of those wanted.'),
    column('Up-to-date', 'Pods of the current template.'),
    column('Available', 'Pods that have been ready for long enough.'),
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
  (deployment, now) => [
    deployment.metadata.name,
    `${deployment.status?.readyReplicas ?? 0}/${deployment.spec?.replicas ?? 0}`,
    deployment.status?.updatedReplicas ?? 0,
    deployment.status?.availableReplicas ?? 0,
    ageOf(deployment, now),
    ...templateCells(deployment.spec, formatSelector(deployment.spec?.selector)),
  ],
);

/** The columns of an autoscaling/v1 Scale, whatever kind of object is scaled. */
export const scalePrinter = table<Workload>(
  [NAME, column('Desired', 'Pods wanted.', 'integer'), column('Available', 'Pods there are.', 'integer'), AGE],
  (scale, now) => [scale.metadata.name, scale.spec?.replicas ?? 0, scale.status?.replicas ?? 0, ageOf(scale, now)],
);

const REPLICA_COLUMNS = [
  NAME,
  column('Desired', 'Pods wanted.', 'integer'),
  column('Current', 'Pods there are.', 'integer'),
  column('Ready', 'Pods that are ready.', 'integer'),
  AGE,
  ...TEMPLATE_COLUMNS,
];

function replicaCells({ metadata, spec, status }: Workload, selector: string, now: number): unknown[] {
  const counts = [spec?.replicas ?? 0, status?.replicas ?? 0, status?.readyReplicas ?? 0];
  return [metadata.name, ...counts, ageOf({ metadata }, now), ...templateCells(spec, selector)];
}

export const replicaSetPrinter = table<Workload>(REPLICA_COLUMNS, (set, now) =>
  replicaCells(set, formatSelector(set.spec?.selector), now),
);

export const replicationControllerPrinter = table<Workload>(REPLICA_COLUMNS, (controller, now) =>
  replicaCells(controller, formatLabels(controller.spec?.selector as Record<string, string> | undefined), now),
);

export const statefulSetPrinter = table<Workload>(
  [NAME, column('Ready', 'Pods that are ready, of those wanted.'), AGE, ...CONTAINER_COLUMNS],
  (set, now) => [
    set.metadata.name,
    `${set.status?.readyReplicas ?? 0}/${set.spec?.replicas ?? 0}`,
    ageOf(set, now),
    ...containerCells(set.spec),
  ],
);

interface DaemonSetSpec extends WorkloadSpec {
  template?: PodTemplate['template'] & { spec?: { nodeSelector?: Record<string, string> } };
}
interface DaemonSetStatus {
  desiredNumberScheduled?: number;
  currentNumberScheduled?: number;
  numberReady?: number;
  updatedNumberScheduled?: number;
  numberAvailable?: number;
}

export const daemonSetPrinter = table<KubeObject<DaemonSetSpec, DaemonSetStatus>>(
  [
    NAME,
    column('Desired', 'Nodes that should run a pod of it.', 'integer'),
    column('Current', 'Nodes that should and do.', 'integer'),
    column('Ready', 'Nodes whose pod of it is ready.', 'integer'),
    column('Up-to-date', 'Nodes whose pod of it is of the current template.', 'integer'),
    column('Available', 'Nodes whose pod of it has been ready for long enough.', 'integer'),
    column('Node Selector', 'Labels of the nodes that it is for.'),
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
  (set, now) => [
    set.metadata.name,
    set.status?.desiredNumberScheduled ?? 0,
    set.status?.currentNumberScheduled ?? 0,
    set.status?.numberReady ?? 0,
    set.status?.updatedNumberScheduled ?? 0,
    set.status?.numberAvailable ?? 0,
    formatLabels(set.spec?.template?.spec?.nodeSelector),
    ageOf(set, now),
    ...templateCells(set.spec, formatSelector(set.spec?.selector)),
  ],
);

export const podTemplatePrinter = table<
  KubeObject & PodTemplate & { template?: { metadata?: KubeObject['metadata'] } }
>(
  [
    NAME,
    column('Containers', 'Names of the containers in the template.'),
    column('Images', 'Images of the containers in the template.'),
    column('Pod Labels', 'Labels of the pods made from it.'),
  ],
  (object) => [object.metadata.name, ...containerCells(object), formatLabels(object.template?.metadata?.labels)],
);

interface BudgetSpec {
  minAvailable?: number | string;
  maxUnavailable?: number | string;
}

export const podDisruptionBudgetPrinter = table<KubeObject<BudgetSpec, { disruptionsAllowed?: number }>>(
  [
    NAME,
    column('Min Available', 'Pods that must stay available.'),
    column('Max Unavailable', 'Pods that may be unavailable.'),
    column('Allowed Disruptions', 'Pods that may be evicted now.', 'integer'),
    AGE,
  ],
  (budget, now) => [
    budget.metadata.name,
    String(budget.spec?.minAvailable ?? 'N/A'),
    String(budget.spec?.maxUnavailable ?? 'N/A'),
    budget.status?.disruptionsAllowed ?? 0,
    ageOf(budget, now),
  ],
);

export const controllerRevisionPrinter = table<KubeObject & { revision?: number }>(
  [
    NAME,
    column('Controller', 'The object that the revision belongs to.'),
    column('Revision', 'Number of the revision.'),
    AGE,
  ],
  (revision, now) => [
    revision.metadata.name,
    controllerName(revision),
    String(revision.revision ?? 0),
    ageOf(revision, now),
  ],
);

/** 'deployment.apps/web'. */
function controllerName(object: KubeObject): string {
  const owner = controllerOf(object);
  if (!owner) return NONE;
  const group = groupOf(owner.apiVersion);
  return `${owner.kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${owner.name}`;
}
