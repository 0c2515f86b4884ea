import { controllerOf, groupOf, type KubeObject } from '../machinery/index.ts';
import type { Fault } from './fault.ts';
import { visible } from './listings.ts';
import { namespaceOf } from './network-faults.ts';
import type { Provenance } from './provenance.ts';
import { listAt, nameOf, pathSteps, pathText, valueAt } from './status.ts';
import type { ObjectSource } from './types.ts';

/** Where a fault comes from, seen from the object that was asked about. */
export interface Origin {
  /** The object whose own manifest holds the wrong value: the Deployment, not its pods. */
  object: KubeObject;
  /** The field of the object asked about. */
  field: string | undefined;
  /** Where to make the change when that is in another object: 'spec.template… of Deployment/silly-demo'. */
  elsewhere?: string;
  /** True when a composition's definition fixes the value. */
  fixedByDefinition: boolean;
}

export interface ClimbInput {
  fault: Fault;
  asked: KubeObject;
  source: ObjectSource;
  provenance: Provenance | undefined;
}

/** Longer chains of owners than this are cycles. */
const maxOwners = 20;

/** Follows a wrong value up its owners: through pod templates, then through compositions, to the object asked about. */
export async function climb({ fault, asked, source, provenance }: ClimbInput): Promise<Origin> {
  let place: Place = { object: fault.at, path: fault.path, span: fault.span };
  let origin: Origin = { object: fault.at, field: undefined, fixedByDefinition: false };
  let inTemplates = true;
  let arrived = false;
  for (let i = 0; i < maxOwners; i++) {
    if (isSame(place.object, asked)) {
      arrived = true;
      origin = { ...origin, field: place.path && pathText(place.path) };
    }
    const owner = await ownerOf(place.object, asked, source);
    if (owner === undefined) break;
    const next = throughTemplate(place, owner);
    inTemplates = inTemplates && next !== undefined;
    if (next !== undefined) {
      if (inTemplates) origin = { ...origin, object: owner };
      place = next;
      continue;
    }
    // Above the object asked about only its pod template's holder is of interest.
    if (arrived) break;
    const traced = await throughComposition(place, owner, provenance);
    if (traced === 'definition') return { ...origin, fixedByDefinition: true };
    place = traced;
  }
  if (arrived || place.path === undefined) return origin;
  return { ...origin, elsewhere: `${pathText(place.path)} of ${nameOf(place.object)}` };
}

/** A wrong value on its way up. */
interface Place {
  object: KubeObject;
  path: readonly string[] | undefined;
  span: Fault['span'];
}

/** The same value in the template of a workload; undefined when the owner made the object in another way. */
function throughTemplate({ object, path, span }: Place, owner: KubeObject): Place | undefined {
  const template = templatePath(owner);
  if (template === undefined || path === undefined || !isTemplated(object, path)) return undefined;
  return { object: owner, path: [...template, ...samePlace(object, owner, template, path)], span };
}

async function throughComposition(
  { object, path, span }: Place,
  owner: KubeObject,
  provenance: Provenance | undefined,
): Promise<Place | 'definition'> {
  if (path === undefined) return { object: owner, path, span: undefined };
  const trace = await visible(provenance?.trace({ owner, child: object, path, ...(span ? { span } : {}) }));
  if (trace?.fields.length === 0) return 'definition';
  const [field] = trace?.fields ?? [];
  return { object: owner, path: field === undefined ? undefined : pathSteps(field), span: undefined };
}

function isSame(a: KubeObject, b: KubeObject): boolean {
  if (a.metadata.uid && b.metadata.uid) return a.metadata.uid === b.metadata.uid;
  return a.kind === b.kind && a.metadata.name === b.metadata.name && a.metadata.namespace === b.metadata.namespace;
}

async function ownerOf(child: KubeObject, asked: KubeObject, source: ObjectSource): Promise<KubeObject | undefined> {
  const reference = controllerOf(child) ?? child.metadata.ownerReferences?.[0];
  if (reference === undefined) return undefined;
  if (reference.uid !== '' && reference.uid === asked.metadata.uid) return asked;
  const { apiVersion, kind, name, uid } = reference;
  const found =
    (await visible(source.get(apiVersion, kind, { name, ...namespaceOf(child) }))) ??
    (child.metadata.namespace ? await visible(source.get(apiVersion, kind, { name })) : undefined);
  return found?.metadata.uid === uid ? found : undefined;
}

const templates: Record<string, readonly string[]> = {
  'apps/Deployment': ['spec', 'template'],
  'apps/ReplicaSet': ['spec', 'template'],
  'apps/StatefulSet': ['spec', 'template'],
  'apps/DaemonSet': ['spec', 'template'],
  'batch/Job': ['spec', 'template'],
  'batch/CronJob': ['spec', 'jobTemplate'],
  '/ReplicationController': ['spec', 'template'],
};

/** Where a kind keeps the template of what it makes. */
function templatePath(owner: KubeObject): readonly string[] | undefined {
  const key = `${groupOf(owner.apiVersion)}/${owner.kind}`;
  return Object.hasOwn(templates, key) ? templates[key] : undefined;
}

/** Only a spec comes from a template; and a ReplicaSet's own template is the Deployment's, under the same path. */
function isTemplated(child: KubeObject, path: readonly string[]): boolean {
  return child.kind === 'Pod' || child.kind === 'Job' ? path[0] === 'spec' : path[1] === 'template';
}

/**
 * The path below an owner's template. A ReplicaSet's path begins with its template already; a pod's containers and
 * volumes are found by name, because admission may have added some.
 */
function samePlace(
  child: KubeObject,
  owner: KubeObject,
  template: readonly string[],
  path: readonly string[],
): string[] {
  if (child.kind !== 'Pod' && child.kind !== 'Job') return path.slice(2);
  const [spec = '', list = '', index, ...rest] = path;
  if (child.kind === 'Job' || index === undefined) return [...path];
  const name = listAt(child, [spec, list])[Number(index)]?.['name'];
  const there = listAt(valueAt(owner, template), [spec, list]).findIndex((item) => item['name'] === name);
  return [spec, list, there < 0 ? index : String(there), ...rest];
}
