import { readFileSync } from 'node:fs';
import { builtinSchema, cloneJson, type Fields, type KubeObject } from '../../machinery/index.ts';
import { decodeTyped } from '../rest/typed.ts';
import { strategyFor } from './strategy.ts';

/** One line of a file of cases: what kube-apiserver 1.34 answered to a change of its kind's base object. */
export interface Case {
  kind: string;
  version: string;
  do: 'base' | 'create' | 'update' | 'status' | 'ephemeralcontainers' | 'resize';
  /** Values by path ('spec.replicas') put into the base object first, for an update. */
  start?: Fields;
  /** Values by path that are put in then; '(none)' takes a field out. */
  changes?: Fields;
  /** What was wrong: 'field: message' each, times as TIME. */
  errors?: string[];
  /** The stored object, if that is compared. */
  object?: KubeObject;
  warnings?: string[];
  /** Refused before the kind was asked. */
  refused?: string;
}

/** The cases of a file beside this one, and the base objects by kind. */
export function readCases(file: string): { cases: Case[]; bases: Map<string, KubeObject> } {
  const lines = readFileSync(new URL(`cases/${file}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n');
  const all = lines.map((line) => JSON.parse(line) as Case);
  const bases = new Map<string, KubeObject>();
  for (const { do: what, kind, version, object } of all) {
    if (what === 'base' && object) bases.set(`${version} ${kind}`, object);
  }
  return { cases: all.filter((one) => one.do !== 'base' && one.refused === undefined), bases };
}

/** A copy of an object with values put in by path. */
export function changed(object: KubeObject, changes: Fields = {}): KubeObject {
  const copy = cloneJson(object);
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    let at = copy as unknown as Fields;
    for (const key of keys) {
      at[key] ??= {};
      at = at[key] as Fields;
    }
    if (value === '(none)') delete at[last];
    else at[last] = cloneJson(value);
  }
  return copy;
}

function decoded(object: KubeObject): KubeObject {
  const schema = builtinSchema(object.apiVersion, object.kind);
  if (!schema) throw new Error(`no schema of ${object.kind}`);
  return decodeTyped(object, schema).object;
}

const strategyOf = ({ apiVersion, kind }: KubeObject) =>
  strategyFor(apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '', kind) ?? {};

function created(object: KubeObject): KubeObject {
  const made = decoded(object);
  Object.assign(made.metadata, { uid: 'UID', namespace: 'kinds-a', generation: 1 });
  strategyOf(made).applyDefaults?.(made);
  strategyOf(made).prepareForCreate?.(made, { username: 'jane', groups: [] });
  return made;
}

/** What our strategies say of a case: errors but for those of metadata, warnings, and the object as it would be stored. */
export function verdictOf(
  one: Case,
  bases: Map<string, KubeObject>,
): { errors: string[]; warnings: string[]; object: KubeObject } {
  const base = bases.get(`${one.version} ${one.kind}`);
  if (!base) throw new Error(`no base object of ${one.kind}`);
  const strategy = strategyOf(base);
  if (one.do === 'create') {
    const object = created(changed(base, one.changes));
    return {
      errors: texts(strategy.validate?.(object, undefined)),
      // A client is told each once.
      warnings: [...new Set(strategy.warnings?.(object, undefined) ?? [])],
      object,
    };
  }
  const old = one.do === 'update' ? created(changed(base, one.start)) : statusOf(created(base), one.start);
  const object = decoded(changed(old, one.changes));
  strategy.applyDefaults?.(object);
  const rules = one.do === 'update' ? strategy : (strategy.subresources?.[one.do] ?? {});
  rules.prepareForUpdate?.(object, old);
  const warnings = [...new Set(rules.warnings?.(object, old) ?? [])];
  return { errors: texts(rules.validate?.(object, old)), warnings, object };
}

const statusOf = (object: KubeObject, changes: Fields | undefined): KubeObject =>
  changes?.['status'] === undefined ? object : { ...object, status: changes['status'] as Fields };

function texts(causes: readonly { field?: string; message?: string }[] = []): string[] {
  return causes.map(({ field, message }) => `${field}: ${message}`.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'));
}
