import type { Container, Probe } from '../pod.ts';
import { expand } from './env.ts';
import { type HandlerTarget, runHandler } from './handler.ts';

type Kind = 'Liveness' | 'Readiness' | 'Startup';

/** What the probes of a container have found. */
export interface ProbeListener {
  started(): void;
  ready(is: boolean): void;
  /** The container is to be restarted. */
  unhealthy(kind: 'Liveness' | 'Startup', probe: Probe): void;
  /** One answer that is worth an Event. */
  said(kind: Kind, outcome: 'warning' | 'failure' | 'error', output: string): void;
}

/** A program that has just been started is asked more often than its period says, until it answers for the first time. */
const firstPause = 50;
/** How often one probe is tried when it cannot be found out what comes of it. */
const mostTries = 3;

/**
 * Probes a running container until stopped: startup first, then liveness and readiness (kubelet prober semantics).
 * @param known what has been found out about it already, when it is probed once more after a restart of the node
 * @returns how to stop all probes, or only those that could still end the container
 */
export function startProbes(
  target: HandlerTarget,
  listener: ProbeListener,
  startedAt: Date,
  known: { started: boolean } = { started: false },
): (which: 'all' | 'deadly') => void {
  const { startupProbe, livenessProbe, readinessProbe } = target.container;
  const stops: { deadly: boolean; stop: () => void }[] = [];
  let stopped: 'all' | 'deadly' | undefined;

  function run(kind: Kind, probe: Probe, passed: () => void, exhausted: () => void): () => void {
    const said = (outcome: 'warning' | 'failure' | 'error', output: string) => listener.said(kind, outcome, output);
    const stop = probeLoop(probe, target, startedAt, { eager: kind !== 'Liveness', passed, said, exhausted });
    stops.push({ deadly: kind !== 'Readiness', stop });
    return stop;
  }

  function afterStartup(): void {
    if (stopped === 'all') return;
    listener.started();
    if (readinessProbe) {
      run(
        'Readiness',
        readinessProbe,
        () => listener.ready(true),
        () => listener.ready(false),
      );
    } else listener.ready(true);
    if (!livenessProbe || stopped) return;
    const stop = run(
      'Liveness',
      livenessProbe,
      () => undefined,
      () => {
        stop();
        listener.unhealthy('Liveness', livenessProbe);
      },
    );
  }

  if (startupProbe && !known.started) {
    const done = (then: () => void) => () => {
      stop();
      then();
    };
    const stop = run(
      'Startup',
      startupProbe,
      done(afterStartup),
      done(() => listener.unhealthy('Startup', startupProbe)),
    );
  } else afterStartup();
  return (which) => {
    stopped = stopped === 'all' ? 'all' : which;
    for (const { deadly, stop } of stops) if (deadly || which === 'all') stop();
  };
}

interface LoopEvents {
  /** Ask early and often until the first success. Those failures do not count. */
  eager: boolean;
  passed(): void;
  said(outcome: 'warning' | 'failure' | 'error', output: string): void;
  exhausted(): void;
}

function probeLoop(probe: Probe, target: HandlerTarget, startedAt: Date, events: LoopEvents): () => void {
  const period = (probe.periodSeconds ?? 10) * 1000;
  const timeout = (probe.timeoutSeconds ?? 1) * 1000;
  let stopped = false;
  let timer: NodeJS.Timeout;
  let successes = 0;
  let failures = 0;
  let eagerPause = events.eager ? firstPause : Number.POSITIVE_INFINITY;
  let nextCount = 0;

  function succeeded(): void {
    failures = 0;
    successes += 1;
    eagerPause = Number.POSITIVE_INFINITY;
    if (successes >= (probe.successThreshold ?? 1)) events.passed();
  }

  function failed(output: string): void {
    successes = 0;
    failures += 1;
    events.said('failure', output);
    if (failures >= (probe.failureThreshold ?? 3)) events.exhausted();
  }

  async function run(): Promise<void> {
    const began = Date.now();
    const { outcome, output } = await tryHandler(probe, target, timeout);
    if (stopped) return;
    const passed = outcome === 'success' || outcome === 'warning';
    const counts = passed || began >= nextCount;
    if (counts) nextCount = began + period;
    // What could not be found out changes nothing.
    if (counts && (outcome === 'warning' || outcome === 'error')) events.said(outcome, output);
    if (passed) succeeded();
    else if (counts && outcome === 'failure') failed(output);
    if (stopped) return;
    const pause = Math.min(eagerPause, Math.max(0, nextCount - Date.now()));
    eagerPause *= 1.5;
    timer = setTimeout(run, pause);
  }

  const initial = startedAt.getTime() + (probe.initialDelaySeconds ?? 0) * 1000 - Date.now();
  // The first failure of an eager probe counts only once a whole period is over: starting is not failing.
  if (events.eager) nextCount = Date.now() + Math.max(0, initial) + period;
  timer = setTimeout(run, Math.max(initial, 20));
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

async function tryHandler(probe: Probe, target: HandlerTarget, timeout: number) {
  const handler = withVariables(probe, target.container);
  for (let tries = 1; ; tries++) {
    const result = await runHandler(handler, target, timeout);
    if (result.outcome !== 'error' || tries === mostTries) return result;
  }
}

/** A probe whose command has the values of the container's own plain variables in it, which the program itself may not have. */
function withVariables(probe: Probe, container: Container): Probe {
  const command = probe.exec?.command;
  if (!command) return probe;
  const own = new Map(container.env?.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
  return { ...probe, exec: { command: command.map((word) => expand(word, (name) => own.get(name))) } };
}
