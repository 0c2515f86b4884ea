import type { Logger } from 'pino';
import type { KubeObject, Resource } from '../machinery/index.ts';
import { isReason, timestamp } from '../machinery/index.ts';
import type { Client } from './client.ts';
import type { EventRecorder } from './recorder.ts';
import { remember } from './remember.ts';
import { createSimilarEvents } from './similar-events.ts';

const events: Resource = { group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true };

/** One Event as it is, or will be, in the API. */
interface Series {
  about: KubeObject;
  fieldPath: string | undefined;
  type: string;
  reason: string;
  message: string;
  count: number;
  first: Date;
  last: Date;
  /** The Event's name once it exists. */
  name?: string;
}

interface Bucket {
  tokens: number;
  /** Milliseconds of the clock at which `tokens` was right. */
  at: number;
}

export interface RecorderOptions {
  /** The node on which the component runs, for one that runs on each. */
  host?: string;
  now?: () => Date;
}

/** Series and budgets remembered at most; the oldest are forgotten first. */
const memory = 4096;
/** Events about one object in a burst, and one more every so many milliseconds after that (client-go's spam filter). */
const burst = 25;
const refill = 300_000;

/**
 * Records Events in the name of a component. The same message about the same object becomes one Event whose count
 * grows, and so do further messages once there were many different ones for the same reason; writes happen in the background, one at a time, so that a burst of repeats costs one write. Never throws:
 * an Event that cannot be written is logged and dropped.
 */
export function createRecorder(
  client: Client,
  component: string,
  log: Logger,
  { now = () => new Date(), host }: RecorderOptions = {},
): EventRecorder {
  const series = new Map<string, Series>();
  const budgets = new Map<string, Bucket>();
  const similar = createSimilarEvents(memory);
  const dirty = new Set<Series>();
  let writing: Promise<void> | undefined;

  function withinBudget(about: KubeObject, at: number): boolean {
    const key = subject(about);
    const bucket = budgets.get(key) ?? { tokens: burst, at };
    bucket.tokens = Math.min(burst, bucket.tokens + (at - bucket.at) / refill);
    bucket.at = at;
    remember(budgets, key, bucket, memory);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  async function write(entry: Series): Promise<void> {
    const { count, last } = entry;
    try {
      if (entry.name && (await bump(entry, count, last))) return;
      entry.name = `${entry.about.metadata.name}.${timestampSuffix(entry.first)}`;
      await client.create(events, toEvent(entry, component, host));
    } catch (error) {
      entry.name = undefined;
      const { kind, metadata } = entry.about;
      log.debug({ err: error, component }, `event ${entry.reason} about ${kind}/${metadata.name} was not recorded`);
    }
  }

  /** Raises the count of an existing Event; false if it has expired meanwhile. */
  async function bump(entry: Series, count: number, last: Date): Promise<boolean> {
    const key = { name: entry.name ?? '', namespace: namespaceOf(entry.about) };
    try {
      await client.patch(events, key, 'merge', { count, message: entry.message, lastTimestamp: timestamp(last) });
      return true;
    } catch (error) {
      if (isReason(error, 'NotFound')) return false;
      throw error;
    }
  }

  async function drain(): Promise<void> {
    // Leave the caller's turn first, so that repeats in one turn are written once.
    await Promise.resolve();
    for (const entry of dirty) {
      dirty.delete(entry);
      await write(entry);
    }
    writing = undefined;
  }

  return {
    event(about, type, reason, message, fieldPath) {
      const at = now();
      if (!withinBudget(about, at.getTime())) {
        log.debug({ component, reason }, `too many events about ${about.kind}/${about.metadata.name}: one was dropped`);
        return;
      }
      const kind = `${subject(about)}\n${type}\n${reason}`;
      const isCombined = similar.isOneTooMany(kind, message, at.getTime());
      const key = isCombined ? kind : `${kind}\n${fieldPath ?? ''}\n${message}`;
      const entry = series.get(key) ?? { about, fieldPath, type, reason, message, count: 0, first: at, last: at };
      if (isCombined) entry.message = `(combined from similar events): ${message}`;
      entry.about = about;
      entry.count += 1;
      entry.last = at;
      remember(series, key, entry, memory);
      dirty.add(entry);
      writing ??= drain();
    },
    async flush() {
      while (writing) await writing;
    },
  };
}

function subject({ apiVersion, kind, metadata }: KubeObject): string {
  return `${apiVersion}/${kind}/${metadata.namespace ?? ''}/${metadata.name}/${metadata.uid ?? ''}`;
}

/** Events about cluster-scoped objects live in the namespace 'default'. */
function namespaceOf(about: KubeObject): string {
  return about.metadata.namespace ?? 'default';
}

let sequence = 0;

/** Unique in this process and ordered in time: hexadecimal nanoseconds whose lowest digits are a counter. */
function timestampSuffix(at: Date): string {
  sequence = (sequence + 1) % 1_000_000;
  return (BigInt(at.getTime()) * 1_000_000n + BigInt(sequence)).toString(16);
}

/** A core/v1 Event. */
function toEvent(entry: Series, component: string, host: string | undefined): KubeObject {
  const { about, fieldPath, type, reason, message, count } = entry;
  const { name, namespace, uid, resourceVersion } = about.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: entry.name ?? '', namespace: namespaceOf(about) },
    involvedObject: {
      apiVersion: about.apiVersion,
      kind: about.kind,
      name,
      namespace,
      uid,
      resourceVersion,
      ...(fieldPath ? { fieldPath } : {}),
    },
    reason,
    message,
    type,
    count,
    firstTimestamp: timestamp(entry.first),
    lastTimestamp: timestamp(entry.last),
    source: { component, ...(host ? { host } : {}) },
    reportingComponent: component,
    reportingInstance: host ?? '',
  };
}
