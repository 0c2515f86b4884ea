/**
 * Writes src/machinery/types/facts.json: the names, shapes, merge rules and protobuf numbers of Kubernetes' built-in
 * types. Facts only: no descriptions are taken.
 *
 *   node scripts/generate-types.ts SWAGGER.json API_DIR APIMACHINERY_DIR APIEXTENSIONS_DIR AGGREGATOR_DIR
 *
 * SWAGGER.json is api/openapi-spec/swagger.json of k8s.io/kubernetes with its v3/ folder beside it (the v3 documents
 * carry the defaults); the folders are the sources of the four modules in the same version. The Go struct tags say
 * which JSON field has which protobuf number and which fields are pointers (zero is kept) or omitempty (zero is
 * dropped); the .proto files beside them are read to check the numbers.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Property {
  $ref?: string;
  type?: string;
  format?: string;
  default?: unknown;
  items?: Property;
  allOf?: Property[];
  additionalProperties?: Property;
  [extension: `x-kubernetes-${string}`]: unknown;
}
interface Definition extends Property {
  properties?: Record<string, Property>;
  required?: string[];
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}
interface GoField {
  name: string;
  type: string;
  json: string | undefined;
  inline: boolean;
  omitempty: boolean;
  number: number | undefined;
}
interface WireField extends GoField {
  /** The numbers of the messages that the field lies in, and its own: inlined structs are messages on the wire. */
  path: number[];
}

const GROUPS =
  /^(admissionregistration|apps|authentication|authorization|autoscaling|batch|certificates|coordination|core|discovery|events|flowcontrol|networking|node|policy|rbac|resource|scheduling|storage)\.v1\.|^autoscaling\.v2\.|^admissionregistration\.v1beta1\./;

const [swaggerFile, apiDir, machineryDir, extensionsDir, aggregatorDir] = process.argv.slice(2);
if (!swaggerFile || !apiDir || !machineryDir || !extensionsDir || !aggregatorDir) {
  throw new Error('usage: generate-types.ts SWAGGER.json API_DIR APIMACHINERY_DIR APIEXTENSIONS_DIR AGGREGATOR_DIR');
}

const swagger = JSON.parse(readFileSync(swaggerFile, 'utf8')) as { definitions: Record<string, Definition> };
const defaults = readDefaults(join(dirname(swaggerFile), 'v3'));
const goPackages = new Map<string, Map<string, GoField[]>>();

/** 'io.k8s.api.core.v1.Pod' → 'core.v1.Pod'; see expandTypeName for the way back. */
function shorten(name: string): string {
  return name
    .replace(/^io\.k8s\.api\./, '')
    .replace(/^io\.k8s\.apimachinery\.pkg\.apis\.meta\./, 'meta.')
    .replace(/^io\.k8s\.apiextensions-apiserver\.pkg\.apis\./, '')
    .replace(/^io\.k8s\.kube-aggregator\.pkg\.apis\./, '')
    .replace(/^io\.k8s\.apimachinery\.pkg\./, '');
}

function wanted(name: string): boolean {
  const short = shorten(name);
  return GROUPS.test(short) || /^(meta|apiextensions|apiregistration)\.v1\./.test(short);
}

/** The folder of the Go package that declares a type. */
function goFolder(short: string): string {
  const [group = '', version = ''] = short.split('.');
  if (group === 'meta') return join(machineryDir ?? '', 'pkg/apis/meta', version);
  if (group === 'apiextensions') return join(extensionsDir ?? '', 'pkg/apis/apiextensions', version);
  if (group === 'apiregistration') return join(aggregatorDir ?? '', 'pkg/apis/apiregistration', version);
  return join(apiDir ?? '', group, version);
}

/** The structs of a Go package, from its types*.go. */
function goStructs(folder: string): Map<string, GoField[]> {
  const known = goPackages.get(folder);
  if (known) return known;
  const structs = new Map<string, GoField[]>();
  for (const file of readdirSync(folder)) {
    if (!/^types(_jsonschema)?\.go$/.test(file)) continue;
    const source = readFileSync(join(folder, file), 'utf8');
    for (const [, name = '', body = ''] of source.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
      structs.set(name, body.split('\n').flatMap(goField));
    }
    // A newer version's type under its name in this one.
    for (const [, name = '', version = '', type = ''] of source.matchAll(/^type (\w+) = (v\w+)\.(\w+)$/gm)) {
      const fields = goStructs(join(dirname(folder), version)).get(type);
      if (fields) structs.set(name, fields);
    }
  }
  checkNumbers(folder, structs);
  goPackages.set(folder, structs);
  return structs;
}

function goField(line: string): GoField[] {
  const match = /^\s*(?:(\w+)\s+)?([\w.*[\]]+)\s+`([^`]*)`/.exec(line);
  if (!match) return [];
  const [, name, type = '', tags = ''] = match;
  const json = /json:"([^"]*)"/.exec(tags)?.[1];
  const number = /protobuf:"\w+,(\d+)/.exec(tags)?.[1];
  const [jsonName, ...options] = (json ?? '').split(',');
  return [
    {
      name: name ?? type.replace(/^.*\./, ''),
      type,
      json: jsonName || undefined,
      inline: options.includes('inline'),
      omitempty: options.includes('omitempty') || options.includes('omitzero'),
      number: number === undefined ? undefined : Number(number),
    },
  ];
}

/** Throws when a Go tag's number is not the .proto's. */
function checkNumbers(folder: string, structs: Map<string, GoField[]>): void {
  const proto = readFileSync(join(folder, 'generated.proto'), 'utf8');
  for (const [, name = '', body = ''] of proto.matchAll(/^message (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const numbers = new Set([...body.matchAll(/ = (\d+);/g)].map(([, number]) => Number(number)));
    for (const field of structs.get(name) ?? []) {
      if (field.number !== undefined && !numbers.has(field.number)) {
        throw new Error(`${folder}: ${name}.${field.name} has number ${field.number} in Go, which the .proto lacks`);
      }
    }
  }
}

/** The fields of a Go struct as its JSON has them, inlined structs flattened. */
function wireFields(short: string, path: number[] = []): Map<string, WireField> {
  const fields = new Map<string, WireField>();
  const name = short.slice(short.lastIndexOf('.') + 1);
  for (const field of goStructs(goFolder(short)).get(name) ?? []) {
    if (field.inline && field.number !== undefined) {
      const nested = `${short.slice(0, short.lastIndexOf('.'))}.${field.type}`;
      for (const [json, inner] of wireFields(nested, [...path, field.number])) fields.set(json, inner);
    } else if (field.json && field.number !== undefined) {
      fields.set(field.json, { ...field, path: [...path, field.number] });
    }
  }
  return fields;
}

/** Non-zero defaults by type and field: 'core.v1.ContainerPort.protocol' → 'TCP'. */
function readDefaults(folder: string): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const file of readdirSync(folder)) {
    const document = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const schemas = (document.components?.schemas ?? {}) as Record<string, Definition>;
    for (const [type, schema] of Object.entries(schemas)) {
      for (const [field, property] of Object.entries(schema.properties ?? {})) {
        const value = property.default;
        if (value && typeof value !== 'object') found.set(`${shorten(type)}.${field}`, value);
      }
    }
  }
  return found;
}

const SCALARS: Record<string, string> = {
  'string/': 'string',
  'string/byte': 'bytes',
  'boolean/': 'bool',
  'integer/int32': 'int32',
  'integer/int64': 'int64',
  'number/double': 'double',
};

/** '[]core.v1.Container', '{}string', 'int32', 'meta.v1.Time'. */
function typeText(property: Property): string {
  if (property.$ref) return shorten(property.$ref.replace('#/definitions/', ''));
  if (property.type === 'array' && property.items) return `[]${typeText(property.items)}`;
  if (property.type === 'object' && property.additionalProperties)
    return `{}${typeText(property.additionalProperties)}`;
  const scalar = SCALARS[`${property.type}/${property.format ?? ''}`];
  if (!scalar) throw new Error(`no name for type ${JSON.stringify(property)}`);
  return scalar;
}

function flagsOf(name: string, property: Property, required: boolean, wire: WireField | undefined): string[] {
  const list = property['x-kubernetes-list-type'];
  const keys = property['x-kubernetes-list-map-keys'] as string[] | undefined;
  const flags: string[] = [];
  if (required) flags.push('required');
  if (wire?.type.startsWith('*')) flags.push('pointer');
  else if (wire?.omitempty) flags.push('omitempty');
  // A named list type is a message of its own on the wire.
  if (wire?.type.endsWith('ExtraValue')) flags.push('wrapped');
  if (list) flags.push(`list=${list}${keys ? `:${keys.join('+')}` : ''}`);
  if (property['x-kubernetes-map-type']) flags.push(`map=${property['x-kubernetes-map-type']}`);
  if (property['x-kubernetes-patch-strategy'])
    flags.push(`patch=${String(property['x-kubernetes-patch-strategy']).replace(',', '+')}`);
  if (property['x-kubernetes-patch-merge-key']) flags.push(`key=${property['x-kubernetes-patch-merge-key']}`);
  const value = defaults.get(name);
  if (value !== undefined) flags.push(`default=${JSON.stringify(value)}`);
  return flags;
}

/** 'replicas int32 1 pointer;selector meta.v1.LabelSelector 2 required,pointer;…' */
function fieldsText(short: string, definition: Definition): string {
  const wire = wireFields(short);
  const lines = Object.entries(definition.properties ?? {}).map(([field, property]) => {
    const onWire = wire.get(field);
    const required = definition.required?.includes(field) ?? false;
    const flags = flagsOf(`${short}.${field}`, property, required, onWire).join(',');
    return `${field} ${typeText(property)} ${onWire?.path.join('.') ?? '-'}${flags ? ` ${flags}` : ''}`;
  });
  return lines.join(';');
}

const types: Record<string, string> = {};
const atomic: string[] = [];
const kinds: Record<string, string> = {};
for (const [name, definition] of Object.entries(swagger.definitions)) {
  const short = shorten(name);
  if (!wanted(name)) continue;
  if (definition.properties) types[short] = fieldsText(short, definition);
  if (definition['x-kubernetes-map-type'] === 'atomic') atomic.push(short);
  const own = definition['x-kubernetes-group-version-kind'] ?? [];
  if (own.length > 1) continue;
  for (const { group, version, kind } of own)
    kinds[`${group === '' ? version : `${group}/${version}`} ${kind}`] = short;
}
const target = join(import.meta.dirname, '../src/machinery/types/facts.json');
writeFileSync(target, `${JSON.stringify({ atomic: atomic.join(' '), kinds, types }, null, 2)}\n`);
console.log(`${target}: ${Object.keys(types).length} types, ${Object.keys(kinds).length} kinds`);
