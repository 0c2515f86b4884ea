/**
 * The table of built-in types (facts.json, written by scripts/generate-types.ts from Kubernetes 1.34) and how to read
 * it. A type is one line of text, decoded on first use, so that loading the table costs next to nothing.
 */
import facts from './facts.json' with { type: 'json' };

/** One field of a built-in type. */
export interface FieldFacts {
  /** The name in JSON. */
  readonly name: string;
  readonly type: TypeRef;
  /** The protobuf numbers from the type's own message down to the field; empty: not on the wire. */
  readonly path: readonly number[];
  readonly required: boolean;
  /** A zero value on the wire is kept: absence and zero differ. */
  readonly pointer: boolean;
  /** A zero value on the wire means that the field is absent. */
  readonly omitempty: boolean;
  /** Map values are messages with one repeated field (ExtraValue). */
  readonly wrapped: boolean;
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKeys?: readonly string[];
  readonly mapType?: 'atomic' | 'granular';
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  readonly default?: unknown;
}

export type TypeRef =
  | { readonly of: 'scalar'; readonly scalar: Scalar }
  | { readonly of: 'list'; readonly items: TypeRef }
  | { readonly of: 'map'; readonly items: TypeRef }
  /** name: as in the table, 'core.v1.Pod'. */
  | { readonly of: 'type'; readonly name: string };

export type Scalar = 'string' | 'bytes' | 'bool' | 'int32' | 'int64' | 'double';

const SCALARS: ReadonlySet<string> = new Set<Scalar>(['string', 'bytes', 'bool', 'int32', 'int64', 'double']);
const lines: ReadonlyMap<string, string> = new Map(Object.entries(facts.types));
const kinds: ReadonlyMap<string, string> = new Map(Object.entries(facts.kinds));
const atomicTypes: ReadonlySet<string> = new Set(facts.atomic.split(' '));
const decoded = new Map<string, readonly FieldFacts[]>();

/** The type of a kind: ('apps/v1', 'Deployment') → 'apps.v1.Deployment'. */
export function typeOfKind(apiVersion: string, kind: string): string | undefined {
  return kinds.get(`${apiVersion} ${kind}`);
}

/** The [apiVersion, kind] of a type, if its objects have one. */
export function kindOfType(type: string): readonly [string, string] | undefined {
  return kindsByType().get(type);
}

let byType: Map<string, [string, string]> | undefined;
function kindsByType(): Map<string, [string, string]> {
  if (byType) return byType;
  byType = new Map();
  for (const [gvk, type] of kinds) {
    const [apiVersion = '', kind = ''] = gvk.split(' ');
    byType.set(type, [apiVersion, kind]);
  }
  return byType;
}

/** The fields of a type, or undefined for one that is not in the table (Time, Quantity, …). */
export function fieldsOf(type: string): readonly FieldFacts[] | undefined {
  const known = decoded.get(type);
  if (known) return known;
  const line = lines.get(type);
  if (line === undefined) return undefined;
  const fields = line === '' ? [] : line.split(';').map(decodeField);
  decoded.set(type, fields);
  return fields;
}

/** The names of all types of the table. */
export function typeNames(): IterableIterator<string> {
  return lines.keys();
}

/** True for a type that server-side apply takes as a whole (x-kubernetes-map-type: atomic). */
export function isAtomicType(type: string): boolean {
  return atomicTypes.has(type);
}

const MODULES: readonly (readonly [string, string])[] = [
  ['meta.', 'io.k8s.apimachinery.pkg.apis.'],
  ['apiextensions.', 'io.k8s.apiextensions-apiserver.pkg.apis.'],
  ['apiregistration.', 'io.k8s.kube-aggregator.pkg.apis.'],
  ['api.', 'io.k8s.apimachinery.pkg.'],
  ['util.', 'io.k8s.apimachinery.pkg.'],
  ['runtime.', 'io.k8s.apimachinery.pkg.'],
  ['version.', 'io.k8s.apimachinery.pkg.'],
];

/** The name that OpenAPI documents use: 'core.v1.Pod' → 'io.k8s.api.core.v1.Pod'. */
export function qualifiedTypeName(type: string): string {
  const module = MODULES.find(([prefix]) => type.startsWith(prefix));
  return `${module?.[1] ?? 'io.k8s.api.'}${type}`;
}

/** 'replicas int32 1 pointer' → its facts. */
function decodeField(text: string): FieldFacts {
  const [name = '', type = '', path = '', flags = ''] = text.split(' ');
  const options = new Map(
    flags.split(',').map((flag): [string, string] => {
      const [key = '', value = ''] = flag.split('=');
      return [key, value];
    }),
  );
  const [listType, keys] = (options.get('list') ?? '').split(':');
  const fallback = options.get('default');
  return {
    name,
    type: decodeType(type),
    path: path === '-' ? [] : path.split('.').map(Number),
    required: options.has('required'),
    pointer: options.has('pointer'),
    omitempty: options.has('omitempty'),
    wrapped: options.has('wrapped'),
    ...(listType ? { listType: listType as FieldFacts['listType'] } : {}),
    ...(keys ? { listMapKeys: keys.split('+') } : {}),
    ...(options.has('map') ? { mapType: options.get('map') as FieldFacts['mapType'] } : {}),
    ...(options.has('patch') ? { patchStrategy: options.get('patch')?.replace('+', ',') } : {}),
    ...(options.has('key') ? { patchMergeKey: options.get('key') } : {}),
    ...(fallback === undefined ? {} : { default: JSON.parse(fallback) as unknown }),
  };
}

function decodeType(text: string): TypeRef {
  if (text.startsWith('[]')) return { of: 'list', items: decodeType(text.slice(2)) };
  if (text.startsWith('{}')) return { of: 'map', items: decodeType(text.slice(2)) };
  if (SCALARS.has(text)) return { of: 'scalar', scalar: text as Scalar };
  return { of: 'type', name: text };
}
