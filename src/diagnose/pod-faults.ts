import type { Fields, KubeObject } from '../machinery/index.ts';
import { type ContainerCase, containerFault } from './container-faults.ts';
import { eventsAbout } from './events.ts';
import { change, type Fault, type Findings, rank } from './fault.ts';
import { missingReference } from './missing-reference.ts';
import { conditionOf, listAt, oneLine, textAt, valueAt } from './status.ts';
import type { ObjectSource } from './types.ts';

/** What is wrong with a pod, or what it waits for: placement, volumes, then each container. */
export async function examinePod(pod: KubeObject, source: ObjectSource): Promise<Findings> {
  const phase = textAt(pod.status, ['phase']);
  if (phase === 'Succeeded' || pod.metadata.deletionTimestamp) return { faults: [] };
  const unplaced = schedulingFault(pod);
  if (unplaced) return { faults: [unplaced] };
  const faults: Fault[] = [];
  let waiting: string | undefined;
  for (const at of containerCases(pod, source)) {
    const found = await containerFault(at);
    faults.push(...found.faults);
    waiting ??= found.waiting;
  }
  if (faults.length > 0) return { faults };
  if (phase === 'Failed') return { faults: [failedFault(pod)] };
  if (conditionOf(pod, 'Ready')?.status === 'True') return { faults: [] };
  const mount = phase === 'Pending' || phase === undefined ? await mountFault(pod, source) : undefined;
  return mount ? { faults: [mount] } : { faults: [], waiting: waiting ?? 'waiting for it to start' };
}

function* containerCases(pod: KubeObject, source: ObjectSource): Generator<ContainerCase> {
  const lists = [
    ['initContainers', 'initContainerStatuses'],
    ['containers', 'containerStatuses'],
  ] as const;
  for (const [list, statuses] of lists) {
    const specs = listAt(pod.spec, [list]);
    for (const status of listAt(pod.status, [statuses])) {
      const name = textAt(status, ['name']) ?? '';
      const index = specs.findIndex((spec) => spec['name'] === name);
      const spec: Fields = specs[index] ?? {};
      yield { pod, source, name, spec, status, path: ['spec', list, String(Math.max(index, 0))] };
    }
  }
}

function schedulingFault(pod: KubeObject): Fault | undefined {
  const scheduled = conditionOf(pod, 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'Unschedulable') return undefined;
  // What preemption could not do either adds nothing for who reads it.
  const [message = ''] = oneLine(scheduled.message ?? '', 600).split(
    /\.?(?: no new claims to deallocate,)? preemption:/,
  );
  const base = { at: pod, rank: rank.root, since: scheduled.lastTransitionTime };
  const claim = /persistentvolumeclaim "([^"]+)" not found/.exec(message)?.[1];
  if (claim !== undefined) {
    const volumes = listAt(pod.spec, ['volumes']);
    const index = volumes.findIndex((volume) => textAt(volume, ['persistentVolumeClaim', 'claimName']) === claim);
    const path = ['spec', 'volumes', String(index), 'persistentVolumeClaim', 'claimName'];
    const problem = `PersistentVolumeClaim ${claim} does not exist`;
    const remedy = (field: string | undefined) => (field ? `create it or change ${field}` : 'create it');
    return { ...base, problem, remedy, fixer: 'developer', ...(index < 0 ? {} : { path }) };
  }
  const problem = `no node can take the pod: ${message}`;
  if (/node affinity|node selector|nodeSelector/i.test(message) && !/Insufficient/.test(message)) {
    const selector = valueAt(pod.spec, ['nodeSelector']) === undefined ? 'affinity' : 'nodeSelector';
    return { ...base, problem, remedy: change(), path: ['spec', selector], fixer: 'developer' };
  }
  return { ...base, problem, fixer: 'platform' };
}

function failedFault(pod: KubeObject): Fault {
  const reason = textAt(pod.status, ['reason']);
  const message = textAt(pod.status, ['message']);
  const problem = `the pod failed${reason ? ` (${reason})` : ''}${message ? `: ${oneLine(message)}` : ''}`;
  const since = conditionOf(pod, 'Ready')?.lastTransitionTime ?? pod.metadata.creationTimestamp;
  return { at: pod, rank: rank.root, problem, fixer: reason === 'Evicted' ? 'platform' : 'developer', since };
}

/** A volume that cannot be mounted: only Events tell of it. */
async function mountFault(pod: KubeObject, source: ObjectSource): Promise<Fault | undefined> {
  if (listAt(pod.spec, ['volumes']).length === 0) return undefined;
  const [event] = await eventsAbout(pod, source, ['FailedMount', 'FailedAttachVolume']);
  if (event === undefined) return undefined;
  const missing = missingReference(pod, ['spec'], event.message);
  if (missing) return { ...missing, since: event.since };
  const problem = `a volume cannot be mounted: ${oneLine(event.message)}`;
  return { at: pod, rank: rank.root, problem, fixer: 'platform', since: event.since };
}
