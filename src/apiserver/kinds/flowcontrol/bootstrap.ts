import type { Fields, KubeObject } from '../../../machinery/index.ts';

/*
 * The flow schemas and priority levels that every API server has from its first start, with the names and numbers that
 * kube-apiserver 1.34 gives them. Clients and dashboards know them by these names.
 */
const apiVersion = 'flowcontrol.apiserver.k8s.io/v1';
const autoUpdate = { 'apf.kubernetes.io/autoupdate-spec': 'true' };

function priorityLevel(name: string, spec: Fields): KubeObject {
  return {
    apiVersion,
    kind: 'PriorityLevelConfiguration',
    metadata: { name, generation: 1, annotations: autoUpdate },
    spec,
    status: {},
  };
}

/** A level that queues what it cannot serve at once. */
function queuing(
  name: string,
  nominalConcurrencyShares: number,
  lendablePercent: number,
  queues: number,
  handSize: number,
): KubeObject {
  const limitResponse = { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } };
  return priorityLevel(name, {
    type: 'Limited',
    limited: { nominalConcurrencyShares, lendablePercent, limitResponse },
  });
}

const everyResource: Fields = {
  verbs: ['*'],
  apiGroups: ['*'],
  resources: ['*'],
  namespaces: ['*'],
  clusterScope: true,
};
const everyPath: Fields = { verbs: ['*'], nonResourceURLs: ['*'] };
const everything: Fields = { resourceRules: [everyResource], nonResourceRules: [everyPath] };

const leases = (verbs: readonly string[]): Fields => ({
  verbs,
  apiGroups: ['coordination.k8s.io'],
  resources: ['leases'],
  namespaces: ['*'],
});

const group = (name: string): Fields => ({ kind: 'Group', group: { name } });
const user = (name: string): Fields => ({ kind: 'User', user: { name } });
const everyone = [group('system:unauthenticated'), group('system:authenticated')];
const nodes = [group('system:nodes')];
const systemAccounts = { kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: 'kube-system' } };
const controllerManager = user('system:kube-controller-manager');
const scheduler = user('system:kube-scheduler');

function flowSchema(
  name: string,
  level: string,
  matchingPrecedence: number,
  distinguishedBy: 'ByUser' | 'ByNamespace' | undefined,
  rule: Fields,
): KubeObject {
  return {
    apiVersion,
    kind: 'FlowSchema',
    metadata: { name, generation: 1, annotations: autoUpdate },
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence,
      ...(distinguishedBy ? { distinguisherMethod: { type: distinguishedBy } } : {}),
      rules: [rule],
    },
  };
}

/** What no server can do without: its spec is fixed. */
export const mandatoryFlowControl: readonly KubeObject[] = [
  priorityLevel('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
  priorityLevel('catch-all', {
    type: 'Limited',
    limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
  }),
  flowSchema('exempt', 'exempt', 1, undefined, { subjects: [group('system:masters')], ...everything }),
  flowSchema('catch-all', 'catch-all', 10_000, 'ByUser', { subjects: everyone, ...everything }),
];

const suggested: readonly KubeObject[] = [
  queuing('system', 30, 33, 64, 6),
  queuing('node-high', 40, 25, 64, 6),
  queuing('leader-election', 10, 0, 16, 4),
  queuing('workload-high', 40, 50, 128, 6),
  queuing('workload-low', 100, 90, 128, 6),
  queuing('global-default', 20, 50, 128, 6),
  flowSchema('system-nodes', 'system', 500, 'ByUser', { subjects: nodes, ...everything }),
  flowSchema('system-node-high', 'node-high', 400, 'ByUser', {
    subjects: nodes,
    resourceRules: [{ ...everyResource, apiGroups: [''], resources: ['nodes', 'nodes/status'] }, leases(['*'])],
  }),
  flowSchema('probes', 'exempt', 2, undefined, {
    subjects: everyone,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  flowSchema('system-leader-election', 'leader-election', 100, 'ByUser', {
    subjects: [controllerManager, scheduler, systemAccounts],
    resourceRules: [leases(['get', 'create', 'update'])],
  }),
  flowSchema('kube-controller-manager', 'workload-high', 800, 'ByNamespace', {
    subjects: [controllerManager],
    ...everything,
  }),
  flowSchema('kube-scheduler', 'workload-high', 800, 'ByNamespace', { subjects: [scheduler], ...everything }),
  flowSchema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', {
    subjects: [systemAccounts],
    ...everything,
  }),
  flowSchema('service-accounts', 'workload-low', 9000, 'ByUser', {
    subjects: [group('system:serviceaccounts')],
    ...everything,
  }),
  flowSchema('global-default', 'global-default', 9900, 'ByUser', { subjects: everyone, ...everything }),
];

/**
 * What is made at the first start: the mandatory objects, and those that share a server out well.
 * @param now when that is, RFC 3339.
 */
export function flowControlObjects(now: string): KubeObject[] {
  return [...mandatoryFlowControl, ...suggested].map((object) =>
    object.kind === 'FlowSchema' ? { ...object, status: { conditions: [foundLevel(object, now)] } } : object,
  );
}

/** What a flow schema says of itself when the level that it names exists. */
function foundLevel({ spec }: KubeObject, now: string): Fields {
  const { name } = (spec?.['priorityLevelConfiguration'] ?? {}) as { name?: string };
  const message = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)} and it exists`;
  return { type: 'Dangling', status: 'False', lastTransitionTime: now, reason: 'Found', message };
}
