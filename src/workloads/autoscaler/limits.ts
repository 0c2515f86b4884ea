import type { AutoscalerSpec, Behavior, ScalingPolicy, ScalingRules } from './types.ts';

/** What was proposed and done lately for one autoscaler: as upstream keeps it, in memory only. */
export interface Memory {
  /** What the metrics asked for, before any limit. */
  recommendations: { at: number; replicas: number }[];
  ups: Step[];
  downs: Step[];
}

/** By how many replicas it was scaled, in milliseconds since the epoch. */
export interface Step {
  at: number;
  by: number;
}

/** What is left of a proposal, and the conditions that say why. */
export interface Limited {
  replicas: number;
  able: { reason: string; message: string };
  limited: { isLimited: boolean; reason: string; message: string };
}

/** How long a higher recommendation counts before there may be fewer replicas, in seconds. */
const STABILIZATION = 300;
/** Without a behaviour, replicas double at most, or become four. */
const GROWTH = 2;
const SMALL = 4;

/** An autoscaler that nothing is known of begins with what its target has: after a restart nothing is scaled down at once. */
export function newMemory(currentReplicas: number, now: number): Memory {
  return { recommendations: [{ at: now, replicas: currentReplicas }], ups: [], downs: [] };
}

/** Brings a proposal within the limits of an autoscaler, and remembers it. */
export function limit(
  { behavior, minReplicas = 1, maxReplicas }: AutoscalerSpec,
  memory: Memory,
  current: number,
  proposed: number,
  now: number,
): Limited {
  const bounds = { min: minReplicas, max: maxReplicas };
  const { replicas: stable, reason, message } = stabilize(behavior, memory, current, proposed, now);
  const able =
    stable === proposed
      ? { reason: 'ReadyForNewScale', message: 'recommended size matches current size' }
      : { reason, message };
  const bounded = behavior
    ? boundedByRates(behavior, memory, bounds, current, stable, now)
    : boundedByGrowth(bounds, current, stable);
  return { replicas: bounded.replicas, able, limited: { isLimited: bounded.replicas !== stable, ...bounded } };
}

/** Remembers that a target was scaled, for as long as a policy may ask. */
export function remember(behavior: Behavior | undefined, memory: Memory, from: number, to: number, now: number): void {
  if (!behavior) return;
  const [list, rules] = to > from ? (['ups', behavior.scaleUp] as const) : (['downs', behavior.scaleDown] as const);
  const longest = Math.max(...rules.policies.map(({ periodSeconds }) => periodSeconds));
  const kept = memory[list].filter(({ at }) => at >= now - longest * 1000);
  memory[list] = [...kept, { at: now, by: Math.abs(to - from) }];
}

interface Bounds {
  min: number;
  max: number;
}

interface Reasoned {
  replicas: number;
  reason: string;
  message: string;
}

const within = (replicas: number): Reasoned => ({
  replicas,
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
});

const tooMany = (replicas: number): Reasoned => ({
  replicas,
  reason: 'TooManyReplicas',
  message: 'the desired replica count is more than the maximum replica count',
});

const tooFew = (replicas: number): Reasoned => ({
  replicas,
  reason: 'TooFewReplicas',
  message: 'the desired replica count is less than the minimum replica count',
});

const tooFast = (replicas: number, direction: 'Up' | 'Down'): Reasoned => ({
  replicas,
  reason: `Scale${direction}Limit`,
  message: `the desired replica count is ${direction === 'Up' ? 'increasing' : 'decreasing'} faster than the maximum scale rate`,
});

/** The lowest recommendation of the window for scaling up, the highest of the one for scaling down. */
function stabilize(
  behavior: Behavior | undefined,
  memory: Memory,
  current: number,
  proposed: number,
  now: number,
): Reasoned {
  const upWindow = behavior?.scaleUp.stabilizationWindowSeconds ?? 0;
  const downWindow = behavior?.scaleDown.stabilizationWindowSeconds ?? STABILIZATION;
  const recent = (seconds: number): number[] =>
    memory.recommendations.filter(({ at }) => at > now - seconds * 1000).map(({ replicas }) => replicas);
  const up = Math.min(proposed, ...(behavior ? recent(upWindow) : []));
  const down = Math.max(proposed, ...recent(downWindow));
  const longest = Math.max(upWindow, downWindow) * 1000;
  memory.recommendations = memory.recommendations.filter(({ at }) => at >= now - longest);
  memory.recommendations.push({ at: now, replicas: proposed });
  // Without a behaviour only scaling down waits.
  const replicas = behavior ? Math.min(Math.max(current, up), down) : down;
  const isUp = behavior !== undefined && proposed >= current;
  const [height, extreme] = isUp ? ['lower', 'lowest'] : ['higher', 'highest'];
  return {
    replicas,
    reason: isUp ? 'ScaleUpStabilized' : 'ScaleDownStabilized',
    message: `recent recommendations were ${height} than current one, applying the ${extreme} recent recommendation`,
  };
}

function boundedByGrowth({ min, max }: Bounds, current: number, wanted: number): Reasoned {
  const growth = Math.max(GROWTH * current, SMALL);
  if (wanted < min) return tooFew(min);
  if (wanted > Math.min(max, growth)) return max > growth ? tooFast(growth, 'Up') : tooMany(max);
  return within(wanted);
}

function boundedByRates(
  { scaleUp, scaleDown }: Behavior,
  memory: Memory,
  { min, max }: Bounds,
  current: number,
  wanted: number,
  now: number,
): Reasoned {
  if (wanted > current) {
    const most = Math.max(current, furthest(scaleUp, 'Up', memory, current, now));
    if (wanted > Math.min(max, most)) return max > most ? tooFast(most, 'Up') : tooMany(max);
  }
  if (wanted < current) {
    const least = Math.min(current, furthest(scaleDown, 'Down', memory, current, now));
    if (wanted < Math.max(min, least)) return min < least ? tooFast(least, 'Down') : tooFew(min);
  }
  return within(wanted);
}

/** How far the policies let the replicas go in one direction now. */
function furthest(
  { selectPolicy, policies }: ScalingRules,
  direction: 'Up' | 'Down',
  memory: Memory,
  current: number,
  now: number,
): number {
  if (selectPolicy === 'Disabled') return current;
  const reaches = policies.map((policy) => {
    const start = current - changed(memory.ups, policy, now) + changed(memory.downs, policy, now);
    return reach(policy, direction, start);
  });
  const isHighest = (selectPolicy === 'Min') === (direction === 'Down');
  return isHighest ? Math.max(...reaches) : Math.min(...reaches);
}

/** Up, a share is rounded up, so that there always is a way; down, in the same direction. */
function reach({ type, value }: ScalingPolicy, direction: 'Up' | 'Down', start: number): number {
  if (type === 'Pods') return direction === 'Up' ? start + value : start - value;
  return direction === 'Up' ? Math.ceil(start * (1 + value / 100)) : Math.trunc(start * (1 - value / 100));
}

/** By how many replicas it was scaled within the period of a policy. */
function changed(steps: readonly Step[], { periodSeconds }: ScalingPolicy, now: number): number {
  return steps.filter(({ at }) => at > now - periodSeconds * 1000).reduce((total, { by }) => total + by, 0);
}
