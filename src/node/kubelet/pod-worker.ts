import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { equalJson, isReason, timestamp } from '../../machinery/index.ts';
import { type Pod, pods } from '../pod.ts';
import { removeTree } from '../remove-tree.ts';
import type { RunningContainer, Sandbox } from '../runtime.ts';
import { createPodVolumes } from '../volumes/pod-volumes.ts';
import { adoptImage } from './adopt-image.ts';
import { adoptResources } from './adopt-resources.ts';
import { adopt } from './adopt-sandbox.ts';
import type { KubeletDeps } from './deps.ts';
import { hostNamesOf } from './host-names.ts';
import { podStatus } from './pod-status.ts';
import { type ContainerRecord, fieldPathOf, forgetSandbox, recordsOf, restoreRecords } from './record.ts';
import { unsupportedInPod } from './refuse.ts';
import { readMachineResolvConf, resolvConfOf } from './resolv-conf.ts';
import { isOver } from './restart-policy.ts';
import { endInTurn, type Sequence, startInTurn } from './sequence.ts';
import { type LifeContext, longest } from './stop-container.ts';

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
  /** What has ended stays so. */
  let terminal = false;
  /** The files of volumes may be out of date. */
  let stale = true;
  let published = '';
  let setupDelay = retry.first;
  let timer: NodeJS.Timeout | undefined;
  /** When the timer fires: the soonest of all that the last look waits for. */
  let due = Number.POSITIVE_INFINITY;
  let failure: { reason: string; message: string } | undefined;
  const wasOver = first.status?.phase === 'Succeeded' || first.status?.phase === 'Failed';
  const startTime = first.status?.startTime ?? timestamp();
  const folders = { pods: deps.folders.pods, memory: join(deps.folders.memory, 'pods', uid) };
  const { drivers, recorder } = deps;
  const volumes = createPodVolumes(first, { folders, drivers, recorder, exceeded: evict });
  let records = recordsOf(first, []);
  restoreRecords(records, first.status);

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

  /** Looks again after this time, or before that for another reason. */
  function later(milliseconds: number): void {
    const at = Date.now() + milliseconds;
    // A look that was under way when the pod was to go must not keep the process waiting for the next one.
    if (closing || finished || at >= due) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(kick, Math.min(milliseconds, longest));
  }

  function running(name: string): RunningContainer | undefined {
    const state = records.find((record) => record.container.name === name)?.state;
    return state?.is === 'running' ? state.handle : undefined;
  }

  function context(current: Sandbox, record: ContainerRecord): LifeContext {
    const terminating = () => closing !== undefined;
    return { deps, pod, sandbox: current, volumes, running, changed: kick, emit: emitOf(record), terminating };
  }

  async function sync(): Promise<void> {
    if (finished || closing) return;
    clearTimeout(timer);
    due = Number.POSITIVE_INFINITY;
    if (pod.metadata.deletionTimestamp) return terminate();
    const refused = unsupportedInPod(pod);
    if (refused && !failure) {
      failure = { reason: 'NotSupported', message: refused };
      emit('Warning', 'NotSupported', refused);
    }
    if (failure || isOver(pod, records) || (await hasExpired())) return finishRunning();
    if (!(await ensureSandbox())) return publish();
    const all = sequence();
    const wait = failure || !all ? undefined : await startInTurn(all);
    if (wait !== undefined) later(Math.max(wait, 5));
    const renew = volumes.renewAt();
    if (renew !== undefined) later(Math.max(renew - Date.now(), 5));
    await publish();
  }

  /** A pod that has run to its end: its sandbox goes, its object stays. */
  async function finishRunning(): Promise<void> {
    // What an earlier Homeport wrote about it is the last word.
    if (wasOver) return;
    await publish();
    await endContainers(gracePeriod());
    terminal = true;
    await publish();
    await removeSandbox();
  }

  const gracePeriod = () => (failure?.reason === 'Evicted' ? 1 : (pod.spec?.terminationGracePeriodSeconds ?? 30));

  /** Ends a pod that takes more than it may, as the kubelet's eviction manager does. */
  function evict(message: string): void {
    if (failure || closing || finished) return;
    failure = { reason: 'Evicted', message };
    emit('Warning', 'Evicted', message);
    kick();
  }

  /** Whether the pod has been active for as long as it may. If so, what ran has ended. */
  async function hasExpired(): Promise<boolean> {
    const limit = pod.spec?.activeDeadlineSeconds;
    if (limit === undefined) return false;
    const left = Date.parse(startTime) + limit * 1000 - Date.now();
    if (left > 0) {
      later(left);
      return false;
    }
    failure = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };
    await endContainers(gracePeriod());
    return true;
  }

  /** Makes the sandbox and the volumes; on failure says so and tries again later. */
  async function ensureSandbox(): Promise<boolean> {
    try {
      sandbox ??= await createSandbox();
    } catch (error) {
      return setupFailed('FailedCreatePodSandBox', `Failed to create pod sandbox: ${messageOf(error)}`);
    }
    const due = volumes.renewAt();
    if (deps.runtime.runsPrograms && (stale || (due !== undefined && due <= Date.now()))) {
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
      uid,
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name,
      ...hostNamesOf(pod),
      hosts: (pod.spec?.hostAliases ?? []).map(({ ip, hostnames }) => [ip, ...(hostnames ?? [])].join('\t')),
      resolvConf: await resolvConf(),
      shareProcesses: pod.spec?.shareProcessNamespace === true,
    });
    await deps.admitToNetwork(pod, made.ip);
    records.forEach(forgetSandbox);
    return watched(made);
  }

  function watched(made: Sandbox): Sandbox {
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

  /** The containers with the sandbox they live in, while there is one. */
  function sequence(): Sequence | undefined {
    const current = sandbox;
    return current && { pod, records, contextOf: (record) => context(current, record) };
  }

  async function endContainers(grace: number): Promise<void> {
    const all = sequence();
    if (all) await endInTurn(all, grace);
  }

  async function terminate(): Promise<void> {
    // Where nothing is waited for, what comes next says it too.
    if (deps.runtime.runsPrograms) await publish();
    await endContainers(pod.metadata.deletionGracePeriodSeconds ?? 30);
    terminal = true;
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
    const status = podStatus({
      pod,
      records,
      hasSandbox: sandbox !== undefined,
      podIp: sandbox?.ip ?? pod.status?.podIP,
      hostIp: deps.runtime.hostIp,
      startTime,
      failure,
      terminal,
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

  const survivor = wasOver ? undefined : deps.runtime.takeOver(uid);
  if (survivor) {
    // Known first: what is taken over may ask for a look at once.
    sandbox = watched(survivor.sandbox);
    adopt(survivor, records, (record) => context(survivor.sandbox, record));
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
      const shortened =
        (next.metadata.deletionGracePeriodSeconds ?? 0) < (pod.metadata.deletionGracePeriodSeconds ?? 0);
      pod = next;
      for (const record of records) {
        const life = sandbox && context(sandbox, record);
        const adopted = adoptImage(record, pod, life).then(() => adoptResources(record, pod, life));
        void adopted.catch((error: Error) => deps.log.warn({ error: error.message }, 'changing a container'));
      }
      records = recordsOf(pod, records);
      // The end may be under way: it must not take longer than is asked for now.
      if (shortened) void endContainers(pod.metadata.deletionGracePeriodSeconds ?? 0);
      kick();
    },
    async shutDown(grace) {
      closing = { grace };
      clearTimeout(timer);
      volumes.rest();
      const ending = endContainers(grace);
      await Promise.all([ending, idle()]);
      await removeSandbox();
      // Without its object nothing of the pod is needed any more; when only the node stops, its volumes stay.
      if (grace === 0 || pod.metadata.deletionTimestamp) await cleanUp();
    },
    container: (name) => records.find((record) => record.container.name === name),
    running,
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

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
