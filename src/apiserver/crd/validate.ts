import {
  builtinResources,
  compileJsonPath,
  dns1035LabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  equalJson,
  invalidValue,
  JsonPathError,
  requiredValue,
  type SchemaField,
  type StatusCause,
  schemaFieldAt,
  tooMany,
  unsupportedValue,
} from '../../machinery/index.ts';
import type {
  CustomResourceDefinition,
  DefinitionColumn,
  DefinitionNames,
  DefinitionScale,
  DefinitionSpec,
  DefinitionVersion,
} from './definition.ts';
import { validateApproval } from './validate-approval.ts';
import { validateConversion } from './validate-conversion.ts';
import { validateRootSchema } from './validate-schema.ts';

/** The errors of a CRD, or of a change to one, as apiextensions-apiserver words them. */
export function validateDefinition(
  crd: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): StatusCause[] {
  const spec = crd.spec ?? {};
  const required = `${spec.names?.plural ?? ''}.${spec.group ?? ''}`;
  const errors: StatusCause[] = [];
  if (old === undefined && crd.metadata.name !== required) {
    errors.push(invalidValue('metadata.name', crd.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  errors.push(
    ...validateGroup(spec),
    ...validateApproval(crd, old),
    ...validateVersions(spec, old?.spec),
    ...validateNames(spec.names ?? {}),
  );
  errors.push(...validateConversion(spec.conversion));
  if (spec.preserveUnknownFields) {
    const hint = 'set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalidValue('spec.preserveUnknownFields', true, `cannot set to true, ${hint}`));
  }
  errors.push(...validateStoredVersions(crd));
  return old === undefined ? errors : [...errors, ...validateImmutable(spec, old)];
}

/** A CRD here would share its objects with a built-in resource, roles say, and go around what guards that. */
const builtinGroups: ReadonlySet<string> = new Set(builtinResources.map(({ group }) => group));

function validateGroup(spec: DefinitionSpec): StatusCause[] {
  const errors: StatusCause[] = [];
  const wrong = spec.group ? dnsSubdomainErrors(spec.group) : [];
  if (!spec.group) errors.push(requiredValue('spec.group'));
  else if (wrong.length > 0) errors.push(invalidValue('spec.group', spec.group, wrong.join(',')));
  else if (!spec.group.includes('.')) {
    errors.push(invalidValue('spec.group', spec.group, 'should be a domain with at least one dot'));
  } else if (builtinGroups.has(spec.group)) {
    errors.push(invalidValue('spec.group', spec.group, 'is a group of this API server itself'));
  }
  const scopes = ['Cluster', 'Namespaced'];
  if (!spec.scope) errors.push(requiredValue('spec.scope'));
  else if (!scopes.includes(spec.scope)) errors.push(unsupportedValue('spec.scope', spec.scope, scopes));
  return errors;
}

/** What kube-apiserver keeps once for all versions, when it is the same in all: where its errors are then. */
const hoisted = {
  schema: 'spec.validation',
  subresources: 'spec.subresources',
  additionalPrinterColumns: 'spec.additionalPrinterColumns',
  selectableFields: 'spec.selectableFields',
} as const;

type Part = keyof typeof hoisted;

/** The path of each part of a version; undefined for one that the first version speaks for. */
type PathOf = (part: Part) => string | undefined;

function pathsOf(versions: readonly DefinitionVersion[], i: number): PathOf {
  return (part) => {
    const shared = versions.every((version) => version[part] && equalJson(version[part], versions[0]?.[part]));
    const own = `spec.versions[${i}].${part}`;
    // A schema that is missing has no place of its own.
    if (!shared || (part === 'schema' && !versions[0]?.schema?.openAPIV3Schema)) return own;
    return i === 0 ? hoisted[part] : undefined;
  };
}

/** Versions as kube-apiserver prints them: the fields of its Go type, without what is the same in all of them. */
function shown(versions: readonly DefinitionVersion[]): unknown {
  return versions.map((version, i) => {
    const part = (name: Part) =>
      pathsOf(versions, i)(name)?.startsWith('spec.versions') ? (version[name] ?? null) : null;
    return {
      Name: version.name ?? '',
      Served: version.served ?? false,
      Storage: version.storage ?? false,
      Deprecated: version.deprecated ?? false,
      DeprecationWarning: version.deprecationWarning ?? null,
      Schema: part('schema'),
      Subresources: part('subresources'),
      AdditionalPrinterColumns: part('additionalPrinterColumns'),
      SelectableFields: part('selectableFields'),
    };
  });
}

function validateVersions(spec: DefinitionSpec, old: DefinitionSpec | undefined): StatusCause[] {
  const versions = spec.versions ?? [];
  const errors = versions.flatMap((version, i) => {
    const before = old?.versions?.find(({ name }) => name === version.name);
    return validateVersion(version, `spec.versions[${i}]`, pathsOf(versions, i), before);
  });
  if (new Set(versions.map((version) => version.name)).size < versions.length) {
    errors.push(invalidValue('spec.versions', shown(versions), 'must contain unique version names'));
  }
  if (versions.filter((version) => version.storage).length !== 1) {
    errors.push(
      invalidValue('spec.versions', shown(versions), 'must have exactly one version marked as storage version'),
    );
  }
  return errors;
}

function validateVersion(
  version: DefinitionVersion,
  path: string,
  pathOf: PathOf,
  before: DefinitionVersion | undefined,
): StatusCause[] {
  const errors: StatusCause[] = [];
  const wrong = dns1035LabelErrors(version.name ?? '');
  if (wrong.length > 0) errors.push(invalidValue(`${path}.name`, version.name ?? '', wrong.join(',')));
  if (version.deprecationWarning !== undefined) errors.push(...validateDeprecation(version, path));
  const schema = version.schema?.openAPIV3Schema;
  const at = pathOf('schema');
  if (schema === undefined) errors.push(requiredValue(`${path}.schema.openAPIV3Schema`));
  // What was accepted before, perhaps by a less strict server, stays so until it is changed.
  else if (at && !equalJson(schema, before?.schema?.openAPIV3Schema)) {
    errors.push(...validateRootSchema(schema, `${at}.openAPIV3Schema`, version.subresources?.status !== undefined));
  }
  const subresources = pathOf('subresources');
  if (version.subresources?.scale && subresources) {
    errors.push(...validateScale(version.subresources.scale, subresources));
  }
  const columns = pathOf('additionalPrinterColumns');
  version.additionalPrinterColumns?.forEach((column, i) => {
    if (columns) errors.push(...validateColumn(column, `${columns}[${i}]`));
  });
  const fields = pathOf('selectableFields');
  return fields ? [...errors, ...validateSelectableFields(version, fields)] : errors;
}

function validateDeprecation(version: DefinitionVersion, path: string): StatusCause[] {
  const text = version.deprecationWarning ?? '';
  const wrong = version.deprecated
    ? [
        ...(text.length > 256 ? ['must be <= 256 characters long'] : []),
        ...(text === '' ? ['must not be an empty string'] : []),
        ...(/\p{C}/u.test(text) ? ['must only contain printable UTF-8 characters'] : []),
      ]
    : ['can only be set for deprecated versions'];
  return wrong.map((reason) => invalidValue(`${path}.deprecationWarning`, text, reason));
}

function validateScale(scale: DefinitionScale, path: string): StatusCause[] {
  const { specReplicasPath: spec = '', statusReplicasPath: status = '', labelSelectorPath: selector = '' } = scale;
  const check = (text: string, field: string, roots: readonly string[], where: string): StatusCause[] => {
    const at = `${path}.scale.${field}`;
    if (!text.startsWith('.')) return [invalidValue(at, text, 'must be a simple json path starting with .')];
    if (roots.some((root) => text.startsWith(root))) return [];
    return [invalidValue(at, text, `should be a json path under ${where}`)];
  };
  return [
    ...(spec
      ? check(spec, 'specReplicasPath', ['.spec.'], '.spec')
      : [requiredValue(`${path}.scale.specReplicasPath`)]),
    ...(status
      ? check(status, 'statusReplicasPath', ['.status.'], '.status')
      : [requiredValue(`${path}.scale.statusReplicasPath`)]),
    ...(selector ? check(selector, 'labelSelectorPath', ['.spec.', '.status.'], 'either .spec or .status') : []),
  ];
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

function validateColumn(column: DefinitionColumn, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  if (!column.name) errors.push(requiredValue(`${path}.name`));
  const oneOf = `must be one of ${columnTypes.join(',')}`;
  if (!column.type) errors.push(requiredValue(`${path}.type`, oneOf));
  else if (!columnTypes.includes(column.type)) errors.push(invalidValue(`${path}.type`, column.type, oneOf));
  if (column.format && !columnFormats.includes(column.format)) {
    errors.push(invalidValue(`${path}.format`, column.format, `must be one of ${columnFormats.join(',')}`));
  }
  const jsonPath = column.jsonPath ?? '';
  const at = `${path}.JSONPath`;
  if (jsonPath === '') errors.push(requiredValue(at));
  else if (!jsonPath.startsWith('.')) {
    errors.push(invalidValue(at, jsonPath, 'must be a simple json path starting with .'));
  } else errors.push(...parseErrors(jsonPath, at));
  return errors;
}

function parseErrors(jsonPath: string, path: string): StatusCause[] {
  try {
    compileJsonPath(jsonPath);
    return [];
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    return [invalidValue(path, jsonPath, error.message)];
  }
}

const maxSelectableFields = 8;

function validateSelectableFields(version: DefinitionVersion, path: string): StatusCause[] {
  const seen = new Set<string>();
  const errors = (version.selectableFields ?? []).flatMap(({ jsonPath = '' }, i) => {
    const at = `${path}[${i}].jsonPath`;
    if (jsonPath === '') return [requiredValue(at)];
    const field = schemaFieldAt(jsonPath, version.schema?.openAPIV3Schema ?? {}, false);
    if (typeof field === 'string') return [invalidValue(at, jsonPath, `is an invalid path: ${field}`)];
    const repeated = seen.has(field.path) ? [duplicateValue(at, jsonPath)] : [];
    seen.add(field.path);
    return [...selectableErrors(field, jsonPath, at), ...repeated];
  });
  return seen.size <= maxSelectableFields ? errors : [...errors, tooMany(path, seen.size, maxSelectableFields)];
}

function selectableErrors({ path, schema }: SchemaField, jsonPath: string, at: string): StatusCause[] {
  const errors: StatusCause[] = [];
  if (path.split(/[.[]/)[0] === 'metadata') {
    errors.push(invalidValue(at, jsonPath, 'must not point to fields in metadata'));
  }
  if (schema.type === 'string' || schema.type === 'boolean' || schema.type === 'integer') return errors;
  const reason =
    'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
  return [...errors, invalidValue(at, jsonPath, reason)];
}

function validateNames(names: DefinitionNames): StatusCause[] {
  const at = (field: string) => `spec.names.${field}`;
  const errors: StatusCause[] = [];
  for (const field of ['plural', 'singular', 'kind', 'listKind'] as const) {
    const name = names[field] ?? '';
    const mixed = field === 'kind' || field === 'listKind';
    const wrong = name === '' ? [] : dns1035LabelErrors(mixed ? name.toLowerCase() : name);
    if (name === '') errors.push(requiredValue(at(field)));
    else if (wrong.length > 0) {
      const detail = wrong.join(',');
      const hint = mixed ? `may have mixed case, but should otherwise match: ${detail}` : detail;
      errors.push(invalidValue(at(field), name, hint));
    }
  }
  if (names.kind && names.kind === names.listKind) {
    errors.push(invalidValue(at('listKind'), names.listKind, 'kind and listKind may not be the same'));
  }
  for (const field of ['shortNames', 'categories'] as const) {
    names[field]?.forEach((name, i) => {
      const wrong = dns1035LabelErrors(name);
      if (wrong.length > 0) errors.push(invalidValue(`${at(field)}[${i}]`, name, wrong.join(',')));
    });
  }
  return errors;
}

function validateStoredVersions(crd: CustomResourceDefinition): StatusCause[] {
  const stored = crd.status?.storedVersions ?? [];
  const at = 'status.storedVersions';
  const versions = crd.spec?.versions ?? [];
  if (stored.length === 0)
    return [invalidValue(at, crd.status?.storedVersions, 'must have at least one stored version')];
  const names = new Set(versions.map((version) => version.name));
  const unstored = versions.flatMap(({ name = '', storage }) =>
    storage && !stored.includes(name) ? [invalidValue(at, stored, `must have the storage version ${name}`)] : [],
  );
  const gone = stored.flatMap((name, i) => {
    if (names.has(name)) return [];
    const reason =
      `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a ` +
      `storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    return [invalidValue(`${at}[${i}]`, name, reason)];
  });
  return [...unstored, ...gone];
}

function validateImmutable(spec: DefinitionSpec, old: CustomResourceDefinition): StatusCause[] {
  const before = old.spec ?? {};
  const established = old.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
  const fixed: [string, unknown, unknown][] = [
    ['spec.group', spec.group, before.group],
    ['spec.names.plural', spec.names?.plural, before.names?.plural],
  ];
  if (established) {
    fixed.unshift(['spec.scope', spec.scope, before.scope], ['spec.names.kind', spec.names?.kind, before.names?.kind]);
  }
  return fixed
    .filter(([, value, original]) => !equalJson(value, original))
    .map(([field, value]) => invalidValue(field, value, 'field is immutable'));
}
