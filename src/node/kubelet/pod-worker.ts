import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { equalJson, isReason, timestamp } from '../../machinery/index.ts';
import { type Pod, type PodStatus, pods } from '../pod.ts';
import { removeTree } from '../remove-tree.ts';
import type { RunningContainer, Sandbox } from '../runtime.ts';
import { createPodVolumes } from '../volumes/pod-volumes.ts';
import { adoptImage } from './adopt-image.ts';
import { ensureRunning, type LifeContext, stopContainer } from './container-life.ts';
import type { KubeletDeps } from './deps.ts';
import { hostNamesOf } from './host-names.ts';
import { isInitialized, podStatus } from './pod-status.ts';
import { type ContainerRecord, fieldPathOf, forgetInit, isCompleted, newRecord, restoreRecord } from './record.ts';
import { unsupportedInPod } from './refuse.ts';
import { readMachineResolvConf, resolvConfOf } from './resolv-conf.ts';

/** The loop that keeps one pod as its object says. */
export interface PodWorker {
  readonly uid: string;
  pod(): Pod;
  update(pod: Pod): void;
  /** Looks at the pod again, when something it waited for may have come: an image. */
  kick(): void;
  /** A ConfigMap or Secret that it uses has changed. */
  refresh(): void;
  /** The object is gone, or the node stops: ends what runs within this many seconds, without writing to the API. */
  shutDown(grace: number): Promise<void>;
  container(name: string): ContainerRecord | undefined;
  running(name: string): RunningContainer | undefined;
  sandbox(): Sandbox | undefined;
}

const retry = { first: 1_000, most: 60_000 };

/** Starts the worker of a pod that is bound to this node. */
export function startPodWorker(first: Pod, deps: KubeletDeps): PodWorker {
  const uid = first.metadata.uid ?? '';
  let pod = first;
  let sandbox: Sandbox | undefined;
  let closing: { grace: number } | undefined;
  let finished = false;
  /** The files of volumes may be out of date. */
  let stale = true;
  let published = '';
  let setupDelay = retry.first;
  let timer: NodeJS.Timeout | undefined;
  let failure: { reason: string; message: string } | undefined;
  const wasOver = first.status?.phase === 'Succeeded' || first.status?.phase === 'Failed';
  const startTime = first.status?.startTime ?? timestamp();
  const folders = { disk: join(deps.folders.pods, uid, 'volumes'), memory: join(deps.folders.memory, 'pods', uid) };
  const volumes = createPodVolumes(first, folders, deps.drivers);
  const inits = (first.spec?.initContainers ?? []).map((container) =>
    newRecord(container, container.restartPolicy === 'Always' ? 'sidecar' : 'init'),
  );
  const mains = (first.spec?.containers ?? []).map((container) => newRecord(container, 'main'));
  const all = [...inits, ...mains];
  restore(all, first.status);

  const emit: LifeContext['emit'] = (type, reason, message) => deps.recorder.event(pod, type, reason, message);
  const emitOf =
    (record: ContainerRecord): LifeContext['emit'] =>
    (type, reason, message) =>
      deps.recorder.event(pod, type, reason, message, fieldPathOf(record));
  const { kick, idle } = serialized(sync, (error) => {
    deps.log.warn(
      { pod: `${pod.metadata.namespace}/${pod.metadata.name}`, error: error.message },
      'keeping a pod as it should be',
    );
    later(setupDelay);
  });

  function later(milliseconds: number): void {
    clearTimeout(timer);
    // A look that was under way when the pod was to go must not keep the process waiting for the next one.
    if (!closing && !finished) timer = setTimeout(kick, milliseconds);
  }

  function context(current: Sandbox, record: ContainerRecord): LifeContext {
    const terminating = () => closing !== undefined;
    return { deps, pod, sandbox: current, volumes, changed: kick, emit: emitOf(record), terminating };
  }

  async function sync(): Promise<void> {
    if (finished || closing) return;
    if (pod.metadata.deletionTimestamp) return terminate();
    const refused = unsupportedInPod(pod);
    if (refused && !failure) {
      failure = { reason: 'NotSupported', message: refused };
      emit('Warning', 'NotSupported', refused);
    }
    if (failure || isOver(pod, all)) return finishRunning();
    if (!(await ensureSandbox())) return publish();
    await expireIfDue();
    const wait = failure ? undefined : await ensureContainers();
    const renew = volumes.renewAt();
    const next = Math.min(
      wait ?? Number.POSITIVE_INFINITY,
      renew === undefined ? Number.POSITIVE_INFINITY : renew - Date.now(),
    );
    if (Number.isFinite(next)) later(Math.max(next, 5));
    await publish();
  }

  /** A pod that has run to its end: its sandbox goes, its object stays. */
  async function finishRunning(): Promise<void> {
    // What an earlier Homeport wrote about it is the last word.
    if (wasOver) return;
    await endContainers(0);
    await publish();
    await removeSandbox();
  }

  async function expireIfDue(): Promise<void> {
    const limit = pod.spec?.activeDeadlineSeconds;
    if (limit === undefined) return;
    const left = Date.parse(startTime) + limit * 1000 - Date.now();
    if (left > 0) return later(left);
    failure = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };
    await endContainers(pod.spec?.terminationGracePeriodSeconds ?? 30);
    kick();
  }

  /** Makes the sandbox and the volumes; on failure says so and tries again later. */
  async function ensureSandbox(): Promise<boolean> {
    try {
      sandbox ??= await createSandbox();
    } catch (error) {
      return setupFailed('FailedCreatePodSandBox', `Failed to create pod sandbox: ${messageOf(error)}`);
    }
    const due = volumes.renewAt();
    if (deps.runtime.name === 'linux' && (stale || (due !== undefined && due <= Date.now()))) {
      stale = false;
      try {
        await volumes.prepare({
          client: deps.client,
          pod,
          podIp: sandbox.ip,
          hostIp: deps.runtime.hostIp,
          capacity: deps.capacity,
        });
      } catch (error) {
        stale = true;
        return setupFailed('FailedMount', messageOf(error));
      }
    }
    setupDelay = retry.first;
    return true;
  }

  function setupFailed(reason: string, message: string): boolean {
    emit('Warning', reason, message);
    later(setupDelay);
    setupDelay = Math.min(setupDelay * 2, retry.most);
    return false;
  }

  async function createSandbox(): Promise<Sandbox> {
    const made = await deps.runtime.runSandbox({
      id: `${uid || pod.metadata.name}-${randomBytes(4).toString('hex')}`,
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name,
      ...hostNamesOf(pod),
      hosts: (pod.spec?.hostAliases ?? []).map(({ ip, hostnames }) => [ip, ...(hostnames ?? [])].join('\t')),
      resolvConf: await resolvConf(),
    });
    inits.forEach(forgetInit);
    void made.lost.then(() => {
      if (sandbox !== made || closing || finished) return;
      emit('Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
      sandbox = undefined;
      void made.remove().then(kick, kick);
    });
    return made;
  }

  async function resolvConf(): Promise<string> {
    const [clusterDns, machine] = await Promise.all([deps.clusterDns, readMachineResolvConf()]);
    const { text, omitted } = resolvConfOf(pod, { clusterDns, machine, hostIp: deps.runtime.hostIp });
    for (const message of omitted) emit('Warning', 'DNSConfigForming', message);
    return text;
  }

  /** Starts what should run and may start now. @returns milliseconds until the next look, if time alone matters. */
  async function ensureContainers(): Promise<number | undefined> {
    const current = sandbox;
    if (!current) return undefined;
    const ensure = (record: ContainerRecord) => ensureRunning(record, context(current, record));
    const waits: (number | undefined)[] = [];
    for (const record of inits) {
      if (isCompleted(record)) continue;
      if (record.kind === 'init' && mains.some((main) => main.state.is === 'running')) continue;
      waits.push(mayRun(pod, record) ? await ensure(record) : undefined);
      if (record.kind === 'init' && record.state.is === 'running' && !record.container.startupProbe)
        record.started = true;
      if (!isInitialized(record)) return minimum(waits);
    }
    waits.push(...(await Promise.all(mains.map((record) => (mayRun(pod, record) ? ensure(record) : undefined)))));
    return minimum(waits);
  }

  async function endContainers(grace: number): Promise<void> {
    const current = sandbox;
    if (!current) return;
    const why = pod.metadata.deletionTimestamp ? 'Deleted' : 'Over';
    const deadline = Date.now() + grace * 1000;
    const left = () => Math.max(0, (deadline - Date.now()) / 1000);
    const stop = (records: readonly ContainerRecord[]) =>
      Promise.all(records.map((record) => stopContainer(record, context(current, record), left(), why)));
    await stop([...mains, ...inits.filter((record) => record.kind === 'init')]);
    // Sidecars go last, the last one first, because the containers before them may need them to the end.
    for (const record of inits.filter((each) => each.kind === 'sidecar').reverse()) await stop([record]);
  }

  async function terminate(): Promise<void> {
    await endContainers(pod.metadata.deletionGracePeriodSeconds ?? 30);
    await publish();
    await cleanUp();
    try {
      await deps.client.delete(
        pods,
        { name: pod.metadata.name, namespace: pod.metadata.namespace },
        { gracePeriodSeconds: 0, uid },
      );
    } catch (error) {
      if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
    }
    finished = true;
  }

  async function cleanUp(): Promise<void> {
    clearTimeout(timer);
    await removeSandbox();
    await volumes.remove();
    await removeTree(join(deps.folders.pods, uid));
    const { namespace, name } = pod.metadata;
    await removeTree(join(deps.folders.logs, `${namespace}_${name}_${uid}`));
  }

  async function removeSandbox(): Promise<void> {
    const going = sandbox;
    // Forgotten first: its end is then not taken for a loss.
    sandbox = undefined;
    await going?.remove();
  }

  async function publish(): Promise<void> {
    const terminating = pod.metadata.deletionTimestamp !== undefined;
    const status = podStatus({
      pod,
      inits,
      mains,
      podIp: sandbox?.ip ?? pod.status?.podIP,
      hostIp: deps.runtime.hostIp,
      startTime,
      failure,
      terminating,
    });
    const text = JSON.stringify(status);
    if (text === published) return;
    const gone = Object.fromEntries(
      ['reason', 'message']
        .filter((field) => status[field] === undefined && pod.status?.[field] !== undefined)
        .map((field) => [field, null]),
    );
    try {
      await deps.client.patch(
        pods,
        { name: pod.metadata.name, namespace: pod.metadata.namespace },
        'merge',
        { metadata: { uid }, status: { ...status, ...gone } },
        { subresource: 'status' },
      );
      published = text;
    } catch (error) {
      // Deleted, or another pod of that name by now: there is nobody to tell.
      if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
    }
  }

  kick();
  return {
    uid,
    pod: () => pod,
    kick,
    refresh() {
      stale = true;
      kick();
    },
    update(next) {
      // Volumes may show the pod's own labels and annotations.
      stale ||= !equalJson(
        [pod.metadata.labels, pod.metadata.annotations],
        [next.metadata.labels, next.metadata.annotations],
      );
      pod = next;
      for (const record of all) {
        const adopted = adoptImage(record, pod, sandbox && context(sandbox, record));
        void adopted.catch((error: Error) => deps.log.warn({ error: error.message }, 'changing an image'));
      }
      kick();
    },
    async shutDown(grace) {
      closing = { grace };
      clearTimeout(timer);
      const ending = endContainers(grace);
      await Promise.all([ending, idle()]);
      await removeSandbox();
      // Without its object nothing of the pod is needed any more; when only the node stops, its volumes stay.
      if (grace === 0 || pod.metadata.deletionTimestamp) await cleanUp();
    },
    container: (name) => all.find((record) => record.container.name === name),
    running(name) {
      const state = all.find((record) => record.container.name === name)?.state;
      return state?.is === 'running' ? state.handle : undefined;
    },
    sandbox: () => sandbox,
  };
}

/** Runs an action one at a time: once more after each request that came while it ran. */
function serialized(
  action: () => Promise<void>,
  failed: (error: Error) => void,
): { kick: () => void; idle: () => Promise<void> } {
  let running: Promise<void> | undefined;
  let again = false;
  async function run(): Promise<void> {
    do {
      again = false;
      try {
        await action();
      } catch (error) {
        failed(error instanceof Error ? error : new Error(String(error)));
      }
    } while (again);
    running = undefined;
  }
  return {
    kick() {
      if (running) again = true;
      else running = run();
    },
    idle: () => running ?? Promise.resolve(),
  };
}

function restore(records: readonly ContainerRecord[], status: PodStatus | undefined): void {
  const known = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  for (const record of records) {
    const before = known.find((each) => each.name === record.container.name);
    if (before) restoreRecord(record, before);
  }
}

/** Whether the restart policy lets a container run (again). */
function mayRun(pod: Pod, record: ContainerRecord): boolean {
  if (record.kind === 'sidecar' || record.replaced) return true;
  const end = record.state.is === 'terminated' ? record.state : undefined;
  if (!end) return true;
  const policy = pod.spec?.restartPolicy ?? 'Always';
  if (record.kind === 'init') return end.code !== 0 && policy !== 'Never';
  return policy === 'Always' || (policy === 'OnFailure' && end.code !== 0);
}

/** A pod whose containers have all ended for good. */
function isOver(pod: Pod, records: readonly ContainerRecord[]): boolean {
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return true;
  const ended = (record: ContainerRecord) => record.state.is === 'terminated' && !mayRun(pod, record);
  const failedInit = records.some(
    (record) => record.kind === 'init' && ended(record) && record.state.is === 'terminated' && record.state.code !== 0,
  );
  return failedInit || records.filter((record) => record.kind === 'main').every(ended);
}

function minimum(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
