import type { KubeObject } from '../../machinery/index.ts';
import { compareText } from '../../machinery/index.ts';
import { podFrom } from '../pod-control.ts';
import type { NodeSelectorTerm, Pod, PodSpec, Toleration } from '../types.ts';
import type { DaemonSet } from './types.ts';

export const hashLabel = 'controller-revision-hash';
const generationLabel = 'pod-template-generation';
const generationAnnotation = 'deprecated.daemonset.template.generation';

/** What a daemon's pods stay through: a node that is in trouble needs its daemons the more. */
const daemonTolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];

const hostNetworkToleration: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

/** The template's tolerations, and those of every daemon: one that is there already is taken from the template's place. */
export function tolerationsOf({ spec }: DaemonSet): Toleration[] {
  const { tolerations = [], hostNetwork } = spec?.template.spec ?? {};
  const added = hostNetwork ? [...daemonTolerations, hostNetworkToleration] : daemonTolerations;
  const own = tolerations.map((each) => added.find((other) => isSame(each, other)) ?? each);
  return [...own, ...added.filter((each) => !own.includes(each))];
}

/** How long a taint is tolerated does not tell two tolerations apart. */
function isSame(a: Toleration, b: Toleration): boolean {
  return a.key === b.key && a.operator === b.operator && a.effect === b.effect && (a.value ?? '') === (b.value ?? '');
}

/** The set's pod for a node: the scheduler binds it there because it fits no other. */
export function podFor(set: DaemonSet, node: string, hash: string): KubeObject {
  const pod = podFrom(set, set.spec?.template);
  const generation = generationOf(set);
  const labels = {
    ...pod.metadata.labels,
    ...(generation === undefined ? {} : { [generationLabel]: generation }),
    [hashLabel]: hash,
  };
  const spec = { ...pod.spec, affinity: affinityTo(pod.spec as PodSpec, node), tolerations: tolerationsOf(set) };
  return { ...pod, metadata: { ...pod.metadata, labels }, spec };
}

function affinityTo({ affinity }: PodSpec, node: string): PodSpec['affinity'] {
  const nodeSelectorTerms: NodeSelectorTerm[] = [
    { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] },
  ];
  const required = { nodeSelectorTerms };
  return {
    ...affinity,
    nodeAffinity: { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required },
  };
}

/** The node that the pod runs on, or is meant for; undefined if it is meant for none. */
export function nodeOf({ spec }: Pod): string | undefined {
  if (spec?.nodeName) return spec.nodeName;
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const fields = terms.flatMap(({ matchFields = [] }) => matchFields);
  const name = fields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
  return name?.values?.length === 1 ? name.values[0] : undefined;
}

/** Whether the pod is of the set's present template. */
export function isUpdated(set: DaemonSet, { metadata }: Pod, hash: string): boolean {
  const generation = generationOf(set);
  const { [hashLabel]: ofPod, [generationLabel]: generationOfPod } = metadata.labels ?? {};
  return ofPod === hash || (generation !== undefined && generationOfPod === generation);
}

/** The number that the API server counts a DaemonSet's templates by. */
function generationOf({ metadata }: DaemonSet): string | undefined {
  const written = metadata.annotations?.[generationAnnotation] ?? '';
  return /^[+-]?\d{1,18}$/.test(written) ? String(BigInt(written)) : undefined;
}

/** Those on a node first, then the oldest. */
export function byPlaceAndAge(a: Pod, b: Pod): number {
  return (
    Number(!a.spec?.nodeName) - Number(!b.spec?.nodeName) ||
    compareText(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
    compareText(a.metadata.name, b.metadata.name)
  );
}
