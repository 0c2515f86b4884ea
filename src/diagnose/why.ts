import { groupOf, type KubeObject } from '../machinery/index.ts';
import { deletionFault, examineAny } from './any-faults.ts';
import { climb, type Origin } from './climb.ts';
import type { Examine, Fault, Findings } from './fault.ts';
import { examineIngress, examineService } from './network-faults.ts';
import { examinePod } from './pod-faults.ts';
import type { Provenance } from './provenance.ts';
import { related } from './related.ts';
import { sample } from './sample.ts';
import { nameOf, oneLine } from './status.ts';
import type { Diagnosis, Fixer, ObjectSource } from './types.ts';
import { createCurrency } from './versions.ts';
import { examineClaim, examineWorkload } from './workload-faults.ts';

export interface DiagnoseInput {
  object: KubeObject;
  source: ObjectSource;
  /** How compositions say which field of an instance a composed value came from. */
  provenance?: Provenance;
  now: Date;
}

/** Objects that one answer looks at; a root cause shows long before. */
const maxObjects = 500;
/** Characters of a cause: some hundred words are no sentence any more. */
const longestCause = 1000;

/**
 * Finds the root cause of what is wrong with an object: looks at it and at all it is made of, takes the fault that the
 * others follow from, and climbs from there to the field of the object asked about.
 * An object that is not ready but has nothing wrong with it is `healthy: false` with no `fixableBy`: it needs time.
 */
export async function diagnose(input: DiagnoseInput): Promise<Diagnosis> {
  const { object, source } = input;
  const stuck = deletionFault(object);
  if (stuck) return answer(stuck, input);
  const faults: Fault[] = [];
  const waits: Waiting[] = [];
  const seen = new Set<string>();
  const isCurrent = createCurrency(source);
  let level: readonly KubeObject[] = [object];
  while (level.length > 0 && seen.size < maxObjects) {
    const current = await Promise.all(level.map(async (each) => each === object || isCurrent(each)));
    const candidates = level.filter((_, index) => current[index]);
    const fresh = sample(candidates)
      .filter((candidate) => isNew(candidate, seen))
      .slice(0, maxObjects);
    const found = await Promise.all(fresh.map((candidate) => examine(candidate, source)));
    found.forEach((findings, i) => {
      faults.push(...findings.faults);
      const at = fresh[i];
      if (findings.waiting !== undefined && at) waits.push({ at, text: findings.waiting });
    });
    level = (await Promise.all(fresh.map((candidate) => related(candidate, source, candidate === object)))).flat();
  }
  const worst = rootOf(faults);
  if (worst) return answer(worst, input);
  return waits.length > 0 ? stillStarting(object, waits) : wellAnswer(object);
}

interface Waiting {
  at: KubeObject;
  text: string;
}

function isNew(object: KubeObject, seen: Set<string>): boolean {
  const id = object.metadata.uid ?? `${nameOf(object)}/${object.metadata.namespace ?? ''}`;
  if (seen.has(id)) return false;
  seen.add(id);
  return true;
}

const examiners: Record<string, Examine> = {
  '/Pod': examinePod,
  '/Service': examineService,
  '/PersistentVolumeClaim': examineClaim,
  'apps/Deployment': examineWorkload,
  'apps/ReplicaSet': examineWorkload,
  'apps/StatefulSet': examineWorkload,
  'apps/DaemonSet': examineWorkload,
  'batch/Job': examineWorkload,
  'networking.k8s.io/Ingress': examineIngress,
};

function examine(object: KubeObject, source: ObjectSource): Promise<Findings> {
  const key = `${groupOf(object.apiVersion)}/${object.kind}`;
  const own = Object.hasOwn(examiners, key) ? examiners[key] : undefined;
  return (own ?? examineAny)(object, source);
}

/** Of several faults the one nearest to the root; of equals, the oldest. */
function rootOf(faults: readonly Fault[]): Fault | undefined {
  const time = (fault: Fault) => Date.parse(fault.since ?? '') || Number.POSITIVE_INFINITY;
  return faults.toSorted((a, b) => b.rank - a.rank || time(a) - time(b) || 0)[0];
}

async function answer(fault: Fault, { object, source, provenance, now }: DiagnoseInput): Promise<Diagnosis> {
  const origin = await climb({ fault, asked: object, source, provenance });
  const fixableBy = fixerOf(fault, origin);
  const detail = await fault.detail?.();
  const problem = detail === undefined ? fault.problem : `${fault.problem}; ${detail}`;
  const remedy =
    origin.fixedByDefinition && fault.fixer !== 'platform'
      ? 'the definition behind it sets this value'
      : fault.remedy?.(origin.field ?? origin.elsewhere);
  return {
    healthy: false,
    cause: oneLine(remedy === undefined ? problem : withRemedy(problem, remedy), longestCause),
    object: nameOf(origin.object),
    field: origin.field ?? null,
    fixableBy,
    since: wholeSeconds(fault.since) ?? wholeSeconds(now.toISOString()) ?? null,
  };
}

const withRemedy = (problem: string, remedy: string): string =>
  remedy.startsWith('(') ? `${problem} ${remedy}` : `${problem}: ${remedy}`;

function fixerOf(fault: Fault, origin: Origin): Fixer {
  if (fault.fixer === 'platform') return 'platform';
  if (origin.fixedByDefinition) return 'owner';
  return fault.fixer === 'owner' && origin.field !== undefined ? 'developer' : fault.fixer;
}

/** An RFC 3339 time without fractions of a second; undefined for what is no time. */
function wholeSeconds(time: string | undefined): string | undefined {
  return time === undefined || Number.isNaN(Date.parse(time)) ? undefined : time.replace(/\.\d+/, '');
}

/** The answer while nothing is wrong but something is not ready yet: the deepest object that waits knows best. */
function stillStarting(object: KubeObject, waits: readonly Waiting[]): Diagnosis {
  const deepest = waits.findLast((waiting) => waiting.at.kind === 'Pod') ?? waits.at(-1);
  const at = deepest?.at ?? object;
  return {
    healthy: false,
    cause: oneLine(`not ready yet: ${deepest?.text || 'it is starting'}`, longestCause),
    object: nameOf(at),
    field: null,
    fixableBy: null,
    since: wholeSeconds(at.metadata.creationTimestamp) ?? null,
  };
}

function wellAnswer(object: KubeObject): Diagnosis {
  return {
    healthy: true,
    cause: 'nothing is wrong',
    object: nameOf(object),
    field: null,
    fixableBy: null,
    since: null,
  };
}
