import type { Fields, KubeObject } from '../machinery/index.ts';
import { eventsAbout } from './events.ts';
import { change, type Fault, type Findings, rank } from './fault.ts';
import { imageFault } from './image-fault.ts';
import { missingReference } from './missing-reference.ts';
import { conditionOf, earliest, isText, numberAt, oneLine, textAt, valueAt } from './status.ts';
import type { ObjectSource } from './types.ts';

/** One container of a pod, as it is written and as it is. */
export interface ContainerCase {
  pod: KubeObject;
  source: ObjectSource;
  name: string;
  /** The container in the pod's spec. */
  spec: Fields;
  /** Its entry in the pod's status. */
  status: Fields;
  /** Where it is in the pod: ['spec', 'containers', '0']. */
  path: readonly string[];
}

const imageReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
]);
const startReasons = new Set(['CreateContainerError', 'RunContainerError', 'StartError', 'PostStartHookError']);

export async function containerFault(at: ContainerCase): Promise<Findings> {
  const { pod, status, name, path } = at;
  const reason = textAt(status, ['state', 'waiting', 'reason']) ?? '';
  const message = textAt(status, ['state', 'waiting', 'message']) ?? '';
  const since = notReadySince(pod);
  if (imageReasons.has(reason)) {
    const image = textAt(at.spec, ['image']) ?? textAt(status, ['image']) ?? '';
    const told = tellsMore(message) ? message : await pullMessage(at, message);
    return { faults: [imageFault({ pod, path: [...path, 'image'], image, reason, message: told, since })] };
  }
  if (reason === 'CreateContainerConfigError') return { faults: [configFault(at, message, since)] };
  if (reason === 'CrashLoopBackOff') return { faults: [await crashFault(at, ['lastState', 'terminated'])] };
  if (startReasons.has(reason)) return { faults: [startFault(at, message || reason, since)] };
  if (valueAt(status, ['state', 'terminated']) !== undefined) return endedFindings(at);
  if (valueAt(status, ['state', 'running']) !== undefined && status['ready'] !== true) return probeFindings(at);
  return status['ready'] === true ? { faults: [] } : { faults: [], waiting: `waiting for container ${name} to start` };
}

const notReadySince = (pod: KubeObject): string | undefined => {
  const ready = conditionOf(pod, 'ContainersReady') ?? conditionOf(pod, 'Ready');
  return (ready?.status === 'False' ? ready.lastTransitionTime : undefined) ?? pod.metadata.creationTimestamp;
};

/** 'Back-off pulling image' says only that there was an error before: the Event of that has the words. */
const tellsMore = (message: string): boolean => message !== '' && !/^Back-off pulling image "[^"]*"$/.test(message);

async function pullMessage({ pod, source }: ContainerCase, message: string): Promise<string> {
  const events = await eventsAbout(pod, source, ['Failed']);
  return (
    events.find((event) => /pull|image/i.test(event.message) && event.message !== 'Error: ErrImagePull')?.message ??
    message
  );
}

function configFault(at: ContainerCase, message: string, since: string | undefined): Fault {
  const missing = missingReference(at.pod, at.path, message);
  if (missing) return { ...missing, since };
  const problem = `container ${at.name} cannot be configured: ${oneLine(message)}`;
  return { at: at.pod, rank: rank.root, problem, fixer: 'developer', since };
}

function startFault(at: ContainerCase, message: string, since: string | undefined): Fault {
  const problem = `container ${at.name} cannot be started: ${oneLine(message)}`;
  const field = ['command', 'args', 'workingDir'].find((name) => at.spec[name] !== undefined);
  const notFound = /not found|no such file|permission denied/i.test(message);
  const base = { at: at.pod, rank: rank.root, problem, since };
  if (!notFound) return { ...base, fixer: 'platform' };
  return { ...base, path: [...at.path, field ?? 'image'], remedy: change(), fixer: 'developer' };
}

/** A container that ended: an init container that has done its work, or a program that crashed. */
async function endedFindings(at: ContainerCase): Promise<Findings> {
  const code = numberAt(at.status, ['state', 'terminated', 'exitCode']) ?? 0;
  const isInit = at.path.includes('initContainers');
  const restarts = textAt(at.pod.spec, ['restartPolicy']) ?? 'Always';
  if (code === 0 && (isInit || restarts !== 'Always')) return { faults: [] };
  if (code === 0) return { faults: [], waiting: `waiting for container ${at.name} to be started again` };
  return { faults: [await crashFault(at, ['state', 'terminated'])] };
}

async function crashFault(at: ContainerCase, state: readonly string[]): Promise<Fault> {
  const { pod, name, status, path, source } = at;
  const code = numberAt(status, [...state, 'exitCode']);
  const restarts = numberAt(status, ['restartCount']) ?? 0;
  const backOffs = await eventsAbout(pod, source, ['BackOff']);
  const backOff = backOffs.find((event) => /restarting/.test(event.message));
  const since = earliest(backOff?.since, textAt(status, [...state, 'finishedAt'])) ?? pod.metadata.creationTimestamp;
  const base = { at: pod, rank: rank.root, since, fixer: 'developer' as const };
  if (textAt(status, [...state, 'reason']) === 'OOMKilled') {
    const limit = textAt(at.spec, ['resources', 'limits', 'memory']);
    const problem = `container ${name} needs more memory than ${limit ? `its limit of ${limit}` : 'its node has'}`;
    const remedy = (field: string | undefined) => (field === undefined ? undefined : `raise ${field}`);
    if (limit === undefined) return { ...base, problem, fixer: 'platform' };
    return { ...base, problem, remedy, path: [...path, 'resources', 'limits', 'memory'] };
  }
  const probed = await killedByProbe(at, textAt(status, [...state, 'finishedAt']));
  if (probed) return probeFault(at, probed.which, probed.message, since);
  const times = restarts > 1 ? ` (${restarts} times)` : '';
  const exit = code === undefined ? 'keeps ending' : `ended with exit code ${code}${times}`;
  const hint = code === 0 ? ', but it should keep running' : '';
  const problem = `the program in container ${name} ${exit}${hint}`;
  return { ...base, problem, detail: () => lastWords(at, state) };
}

/** The liveness or startup probe for which a container was ended, if that is why it ended; its exit code cannot tell. */
async function killedByProbe(
  { pod, source, name }: ContainerCase,
  finishedAt: string | undefined,
): Promise<{ which: string; message: string } | undefined> {
  const grace = numberAt(pod.spec, ['terminationGracePeriodSeconds']) ?? 30;
  // Times in a status are whole seconds.
  const earliestKill = (Date.parse(finishedAt ?? '') || 0) - (grace + 1) * 1000;
  const events = await eventsAbout(pod, source, ['Killing', 'Unhealthy']);
  const kill = events.find(
    ({ reason, message, last }) =>
      reason === 'Killing' && message.includes(name) && /liveness|startup/.test(message) && last >= earliestKill,
  );
  if (!kill) return undefined;
  const which = /startup/.test(kill.message) ? 'startup' : 'liveness';
  const failure = events.find(
    ({ reason, message }) => reason === 'Unhealthy' && message.toLowerCase().startsWith(which),
  );
  return { which, message: failure?.message ?? kill.message };
}

/** What a container wrote last, or left as its termination message. */
async function lastWords({ source, pod, name, status }: ContainerCase, state: readonly string[]) {
  const { namespace = '' } = pod.metadata;
  const previous = state[0] === 'lastState';
  const lines = await source.lastLog({ namespace, pod: pod.metadata.name, container: name, previous });
  const words = lines.map((line) => oneLine(line, 160)).filter(isText);
  const text = words.slice(-3).join(' / ') || oneLine(textAt(status, [...state, 'message']) ?? '', 200);
  return text === '' ? undefined : `its last words: ${text}`;
}

/** A container that runs and is not ready: failing probes, or it is simply starting. */
async function probeFindings(at: ContainerCase): Promise<Findings> {
  const unhealthy = await eventsAbout(at.pod, at.source, ['Unhealthy']);
  const began = Date.parse(textAt(at.status, ['state', 'running', 'startedAt']) ?? '') || 0;
  const before = Date.parse(textAt(at.status, ['lastState', 'terminated', 'startedAt']) ?? '') || began;
  const [failed] = unhealthy.filter((event) => event.last >= before);
  const waiting = `waiting for container ${at.name} to become ready`;
  if (failed === undefined) return { faults: [], waiting };
  const which = /^(readiness|liveness|startup)/i.exec(failed.message)?.[1]?.toLowerCase() ?? 'readiness';
  const fault = probeFault(at, which, failed.message, failed.since);
  // What failed in the run before as well is no longer starting.
  if (before === began && isStarting(at, began, failed.last))
    return { faults: [], waiting: `${waiting}: ${fault.problem}` };
  return { faults: [fault] };
}

/** Within its first failures a probe only says that the program is not up yet. */
function isStarting(at: ContainerCase, began: number, last: number): boolean {
  const probe = at.spec['readinessProbe'] ?? at.spec['startupProbe'];
  const period = numberAt(probe, ['periodSeconds']) ?? 10;
  const delay = numberAt(probe, ['initialDelaySeconds']) ?? 0;
  const failures = numberAt(probe, ['failureThreshold']) ?? 3;
  return last - began < (delay + period * Math.min(failures, 3)) * 1000;
}

function probeFault(at: ContainerCase, which: string, message: string, since: string | undefined): Fault {
  const field = `${which}Probe`;
  const probe = at.spec[field];
  const where = probeTarget(probe);
  const detail = oneLine(message.replace(/^\w+ probe (failed|errored):?\s*/i, ''), 160);
  const problem = `the ${which} probe of container ${at.name}${where.text} fails: ${detail}`;
  const path = [...at.path, field, ...where.path];
  const remedy = (name: string | undefined) => (name === undefined ? undefined : `change ${name}, or the program`);
  return { at: at.pod, rank: rank.root, problem, remedy, path, fixer: 'developer', since };
}

function probeTarget(probe: unknown): { text: string; path: string[] } {
  for (const [type, field] of [
    ['httpGet', 'port'],
    ['tcpSocket', 'port'],
    ['grpc', 'port'],
  ] as const) {
    const port = valueAt(probe, [type, field]);
    if (port === undefined) continue;
    const path = type === 'httpGet' ? (textAt(probe, [type, 'path']) ?? '/') : '';
    return { text: ` (port ${String(port)}${path})`, path: [type, field] };
  }
  return { text: '', path: [] };
}
