import type { Probe } from '../pod.ts';
import { type HandlerTarget, runHandler } from './handler.ts';

/** What the probes of a container have found. */
export interface ProbeListener {
  started(): void;
  ready(is: boolean): void;
  /** The container is to be restarted. */
  unhealthy(kind: 'Liveness' | 'Startup', probe: Probe): void;
  /** One failure that counts: for the Unhealthy event. */
  failed(kind: 'Liveness' | 'Readiness' | 'Startup', output: string): void;
}

/** A program that has just been started is asked more often than its period says, until it answers for the first time. */
const firstPause = 50;

/** Probes a running container until stopped: startup first, then liveness and readiness (kubelet prober semantics). */
export function startProbes(target: HandlerTarget, listener: ProbeListener): () => void {
  const { startupProbe, livenessProbe, readinessProbe } = target.container;
  const stops: (() => void)[] = [];
  let stopped = false;

  const afterStartup = () => {
    if (stopped) return;
    listener.started();
    if (!readinessProbe) listener.ready(true);
    else {
      stops.push(
        probeLoop(readinessProbe, target, {
          eager: true,
          passed: () => listener.ready(true),
          failed: (output) => listener.failed('Readiness', output),
          exhausted: () => listener.ready(false),
        }),
      );
    }
    if (!livenessProbe) return;
    stops.push(
      probeLoop(livenessProbe, target, {
        eager: false,
        passed: () => undefined,
        failed: (output) => listener.failed('Liveness', output),
        exhausted: () => listener.unhealthy('Liveness', livenessProbe),
      }),
    );
  };

  if (!startupProbe) afterStartup();
  else {
    const stop = probeLoop(startupProbe, target, {
      eager: true,
      passed: () => {
        stop();
        afterStartup();
      },
      failed: (output) => listener.failed('Startup', output),
      exhausted: () => listener.unhealthy('Startup', startupProbe),
    });
    stops.push(stop);
  }
  return () => {
    stopped = true;
    for (const stop of stops) stop();
  };
}

interface LoopEvents {
  /** Ask early and often until the first success. Those failures do not count. */
  eager: boolean;
  passed(): void;
  failed(output: string): void;
  exhausted(): void;
}

function probeLoop(probe: Probe, target: HandlerTarget, events: LoopEvents): () => void {
  const period = (probe.periodSeconds ?? 10) * 1000;
  const timeout = (probe.timeoutSeconds ?? 1) * 1000;
  let stopped = false;
  let timer: NodeJS.Timeout;
  let successes = 0;
  let failures = 0;
  let eagerPause = events.eager ? firstPause : Number.POSITIVE_INFINITY;
  let nextCount = 0;

  async function run(): Promise<void> {
    const began = Date.now();
    const result = await runHandler(probe, target, timeout);
    if (stopped) return;
    const counts = result.ok || began >= nextCount;
    if (counts) nextCount = began + period;
    if (result.ok) {
      failures = 0;
      successes += 1;
      eagerPause = Number.POSITIVE_INFINITY;
      if (successes >= (probe.successThreshold ?? 1)) events.passed();
    } else if (counts) {
      successes = 0;
      failures += 1;
      events.failed(result.output);
      if (failures >= (probe.failureThreshold ?? 3)) events.exhausted();
    }
    if (stopped) return;
    const pause = Math.min(eagerPause, Math.max(0, nextCount - Date.now()));
    eagerPause *= 1.5;
    timer = setTimeout(run, pause);
  }

  const initial = (probe.initialDelaySeconds ?? 0) * 1000;
  // The first failure of an eager probe counts only once a whole period is over: starting is not failing.
  if (events.eager) nextCount = Date.now() + initial + period;
  timer = setTimeout(run, initial || (events.eager ? 20 : period));
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
