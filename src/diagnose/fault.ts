import type { KubeObject } from '../machinery/index.ts';
import type { Fixer, ObjectSource } from './types.ts';

/** How near to the root a fault is: of several, the one with the highest rank is the cause of the others. */
export const rank = {
  /** What a controller says of its object as a whole. */
  summary: 10,
  /** What follows from something else: too few replicas in time. */
  symptom: 20,
  /** A reference between objects that leads nowhere. */
  reference: 25,
  /** The very thing that went wrong. */
  root: 30,
  /** The server refused the newest wish: what is there now follows an older one. */
  refusal: 35,
  /** The object is being deleted: nothing else matters any more. */
  deletion: 40,
} as const;

/** Something wrong with an object, before it is known which field of which manifest it came from. */
export interface Fault {
  /** The object that shows it. */
  at: KubeObject;
  rank: number;
  /** What is wrong, as the first part of a sentence: 'image a:b does not exist'. */
  problem: string;
  /** More about it, where that costs a request: asked for only once this fault is the answer. */
  detail?: () => Promise<string | undefined>;
  /** What to do about it, given the field to change where one is known: 'change spec.tag'. */
  remedy?: (field: string | undefined) => string | undefined;
  /** The field of `at` whose value is wrong. */
  path?: readonly string[];
  /** The characters of that value that are wrong, end exclusive. */
  span?: { start: number; end: number };
  fixer: Fixer;
  /** RFC 3339. */
  since?: string | undefined;
}

/** What an object's examination found: faults, or what it is still waiting for. */
export interface Findings {
  faults: Fault[];
  /** 'waiting for container main to become ready'; undefined when it waits for nothing. */
  waiting?: string | undefined;
}

export type Examine = (object: KubeObject, source: ObjectSource) => Promise<Findings>;

/** A remedy for a value that has to be changed, where the field is known. */
export const change =
  (more = '') =>
  (field: string | undefined): string | undefined =>
    field === undefined ? undefined : `change ${field}${more}`;
