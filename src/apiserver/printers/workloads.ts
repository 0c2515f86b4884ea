import { controllerOf, groupOf, type KubeObject } from '../../machinery/index.ts';
import { AGE, ageOf, column, formatSelector, NAME, NONE, table, wideColumn } from './table.ts';

interface WorkloadSpec {
  replicas?: number;
  selector?: { matchLabels?: Record<string, string> };
  template?: { spec?: { containers?: { name: string; image?: string }[] } };
}
interface WorkloadStatus {
  replicas?: number;
  readyReplicas?: number;
  updatedReplicas?: number;
  availableReplicas?: number;
}
type Workload = KubeObject<WorkloadSpec, WorkloadStatus>;

const TEMPLATE_COLUMNS = [
  wideColumn('Containers', 'Names of the containers in the template.'),
  wideColumn('Images', 'Images of the containers in the template.'),
  wideColumn('Selector', 'Labels of the pods that belong to it.'),
];

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
    ...templateCells(deployment),
  ],
);

/** The columns of an autoscaling/v1 Scale, whatever kind of object is scaled. */
export const scalePrinter = table<Workload>(
  [NAME, column('Desired', 'Pods wanted.', 'integer'), column('Available', 'Pods there are.', 'integer'), AGE],
  (scale, now) => [scale.metadata.name, scale.spec?.replicas ?? 0, scale.status?.replicas ?? 0, ageOf(scale, now)],
);

export const replicaSetPrinter = table<Workload>(
  [
    NAME,
    column('Desired', 'Pods wanted.', 'integer'),
    column('Current', 'Pods there are.', 'integer'),
    column('Ready', 'Pods that are ready.', 'integer'),
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
  (replicaSet, now) => [
    replicaSet.metadata.name,
    replicaSet.spec?.replicas ?? 0,
    replicaSet.status?.replicas ?? 0,
    replicaSet.status?.readyReplicas ?? 0,
    ageOf(replicaSet, now),
    ...templateCells(replicaSet),
  ],
);

function templateCells(workload: Workload): string[] {
  const containers = workload.spec?.template?.spec?.containers ?? [];
  return [
    containers.map((container) => container.name).join(','),
    containers.map((container) => container.image ?? '').join(','),
    formatSelector(workload.spec?.selector),
  ];
}

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
