import { canonicalJson, compareText, type Fields, type KubeObject } from '../../machinery/index.ts';
import { upstreamHash } from '../short-hash.ts';
import type { PodTemplate } from '../types.ts';

/** apps/v1 ControllerRevision: one state that a workload's template has had. */
export type ControllerRevision = KubeObject & { revision: number; data?: Fields };

/** The patch that gives a workload its template back, and the same as text. */
export interface Snapshot {
  data: Fields;
  /** As Go writes it, fields in order: kubectl compares it byte by byte with what it makes of the workload itself. */
  text: string;
}

const snapshots = new WeakMap<object, Snapshot>();
const texts = new WeakMap<object, string>();

/** What a revision keeps of a template. Templates in the cache never change, so it is worked out once. */
export function snapshotOf(template: PodTemplate): Snapshot {
  let snapshot = snapshots.get(template);
  if (!snapshot) {
    const text = goJson({ spec: { template: { $patch: 'replace', ...template } } });
    snapshot = { data: JSON.parse(text) as Fields, text };
    snapshots.set(template, snapshot);
  }
  return snapshot;
}

/** The template that a revision gives back; undefined if it has none. */
export function templateOf({ data }: ControllerRevision): PodTemplate | undefined {
  const { template } = (data?.['spec'] ?? {}) as { template?: PodTemplate & { $patch?: string } };
  if (!template) return undefined;
  const { $patch: _, ...rest } = template;
  return rest;
}

/** Whether the revision keeps just this state. */
export function keeps({ data }: ControllerRevision, { text }: Snapshot): boolean {
  if (!data) return false;
  let known = texts.get(data);
  if (known === undefined) {
    known = goJson(data);
    texts.set(data, known);
  }
  return known === text;
}

/** The part of a revision's name that stands for its state; the count of collisions makes it another one. */
export function hashOf({ text }: Snapshot, collisionCount: number): string {
  return upstreamHash(`${text}${collisionCount}`);
}

/** Oldest first. */
export function byRevision(a: ControllerRevision, b: ControllerRevision): number {
  const time = ({ metadata }: ControllerRevision): string => metadata.creationTimestamp ?? '';
  return a.revision - b.revision || compareText(time(a), time(b)) || compareText(a.metadata.name, b.metadata.name);
}

/** JSON with fields in order and the characters escaped that Go escapes. */
function goJson(value: unknown): string {
  return canonicalJson(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
