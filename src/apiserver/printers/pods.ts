import type { Condition, KubeObject } from '../../machinery/index.ts';
import { humanDuration } from './age.ts';
import { AGE, ageOf, column, NAME, NONE, table, wideColumn } from './table.ts';

interface Terminated {
  exitCode: number;
  signal?: number;
  reason?: string;
  finishedAt?: string;
}
interface ContainerStatus {
  name: string;
  ready?: boolean;
  started?: boolean;
  restartCount?: number;
  state?: { running?: object; waiting?: { reason?: string }; terminated?: Terminated };
  lastState?: { terminated?: Terminated };
}
interface PodSpec {
  nodeName?: string;
  containers?: object[];
  initContainers?: { name: string; restartPolicy?: string }[];
  readinessGates?: { conditionType: string }[];
}
interface PodStatus {
  phase?: string;
  reason?: string;
  conditions?: Condition[];
  podIP?: string;
  podIPs?: { ip: string }[];
  nominatedNodeName?: string;
  initContainerStatuses?: ContainerStatus[];
  containerStatuses?: ContainerStatus[];
}
type Pod = KubeObject<PodSpec, PodStatus>;

/** What containers add up to: restarts, and when the last of them ended (milliseconds since the epoch). */
interface Restarts {
  count: number;
  last: number | undefined;
}

export const podPrinter = table<Pod>(
  [
    NAME,
    column('Ready', 'Containers that are ready, of all.'),
    column('Status', 'What the containers of the pod are doing.'),
    column('Restarts', 'How often containers were started again, and when last.'),
    AGE,
    wideColumn('IP', 'Address of the pod.'),
    wideColumn('Node', 'Node that the pod runs on.'),
    wideColumn('Nominated Node', 'Node that is being cleared for the pod.'),
    wideColumn('Readiness Gates', 'Readiness gates that are met, of all.'),
  ],
  (pod, now) => {
    const { ready, total, status, restarts } = podSummary(pod);
    const ago = restarts.count > 0 && restarts.last !== undefined ? ` (${humanDuration(now - restarts.last)} ago)` : '';
    return [
      pod.metadata.name,
      `${ready}/${total}`,
      status,
      `${restarts.count}${ago}`,
      ageOf(pod, now),
      pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || NONE,
      pod.spec?.nodeName || NONE,
      pod.status?.nominatedNodeName || NONE,
      readinessGates(pod),
    ];
  },
);

/**
 * Ready containers, all that count, the STATUS column and restarts of a pod. Init containers speak for the pod until
 * they are done; then the first container that waits or has ended does.
 */
function podSummary(pod: Pod): { ready: number; total: number; status: string; restarts: Restarts } {
  const sidecars = new Set(
    (pod.spec?.initContainers ?? []).filter((init) => init.restartPolicy === 'Always').map((init) => init.name),
  );
  const total = (pod.spec?.containers?.length ?? 0) + sidecars.size;
  const init = initSummary(pod, sidecars);
  const initialized = hasCondition(pod, 'Initialized');
  if (init.status !== undefined && !initialized) {
    return { ready: init.ready, total, status: deletionStatus(pod) ?? init.status, restarts: init.restarts };
  }
  const main = mainSummary(pod, init.status ?? phaseStatus(pod), init.sidecarRestarts);
  return {
    ready: init.ready + main.ready,
    total,
    status: deletionStatus(pod) ?? main.status,
    restarts: main.restarts,
  };
}

function phaseStatus(pod: Pod): string {
  const gated = pod.status?.conditions?.some(
    (condition) => condition.type === 'PodScheduled' && condition.reason === 'SchedulingGated',
  );
  return gated ? 'SchedulingGated' : pod.status?.reason || pod.status?.phase || '';
}

/** What a pod that is being deleted shows instead of its containers' state. */
function deletionStatus(pod: Pod): string | undefined {
  if (!pod.metadata.deletionTimestamp) return undefined;
  if (pod.status?.reason === 'NodeLost') return 'Unknown';
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed' ? undefined : 'Terminating';
}

interface InitSummary {
  ready: number;
  /** Set while an init container is not done. */
  status: string | undefined;
  restarts: Restarts;
  sidecarRestarts: Restarts;
}

function initSummary(pod: Pod, sidecars: ReadonlySet<string>): InitSummary {
  const restarts: Restarts = { count: 0, last: undefined };
  const sidecarRestarts: Restarts = { count: 0, last: undefined };
  let ready = 0;
  for (const [index, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const sidecar = sidecars.has(container.name);
    addRestarts(restarts, container);
    if (sidecar) addRestarts(sidecarRestarts, container);
    if (container.state?.terminated?.exitCode === 0) continue;
    if (sidecar && container.started) {
      if (container.ready) ready++;
      continue;
    }
    const status = initStatus(container, index, pod.spec?.initContainers?.length ?? 0);
    return { ready, status, restarts, sidecarRestarts };
  }
  return { ready, status: undefined, restarts, sidecarRestarts };
}

function initStatus(container: ContainerStatus, index: number, count: number): string {
  const { terminated, waiting } = container.state ?? {};
  if (terminated) return `Init:${terminatedStatus(terminated)}`;
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
  return `Init:${index}/${count}`;
}

function mainSummary(pod: Pod, initial: string, restarts: Restarts) {
  let status = initial;
  let ready = 0;
  let running = false;
  // From the last to the first, so that the first container that has something to say has the last word.
  for (const container of (pod.status?.containerStatuses ?? []).toReversed()) {
    addRestarts(restarts, container);
    const { terminated, waiting } = container.state ?? {};
    if (waiting?.reason) status = waiting.reason;
    else if (terminated) status = terminatedStatus(terminated);
    else if (container.ready && container.state?.running) {
      running = true;
      ready++;
    }
  }
  if (status === 'Completed' && running) status = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
  return { ready, status, restarts };
}

function terminatedStatus({ reason, signal, exitCode }: Terminated): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);
}

function addRestarts(restarts: Restarts, container: ContainerStatus): void {
  restarts.count += container.restartCount ?? 0;
  const ended = Date.parse(container.lastState?.terminated?.finishedAt ?? '');
  if (!Number.isNaN(ended) && (restarts.last === undefined || ended > restarts.last)) restarts.last = ended;
}

function hasCondition(pod: Pod, type: string): boolean {
  return pod.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  return `${gates.filter((gate) => hasCondition(pod, gate.conditionType)).length}/${gates.length}`;
}
