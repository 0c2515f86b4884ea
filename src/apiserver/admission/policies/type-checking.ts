import {
  type CelType,
  celType,
  celTypeOfSchema,
  compareText,
  type Fields,
  type KubeObject,
} from '../../../machinery/index.ts';
import { numberAt, objectAt, objectsAt, textAt, textsAt } from '../../kinds/fields.ts';
import type { ServerLog } from '../../options.ts';
import { compileExpression, type Scope } from '../../policy/expressions.ts';
import { compileVariables } from '../../policy/variables.ts';
import type { Registration } from '../../registry/registration.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Entry } from '../../store/entry.ts';
import type { Decision, Store } from '../../store/store.ts';

const POLICIES = { group: 'admissionregistration.k8s.io', resource: 'validatingadmissionpolicies' };
/** A policy is checked against this many kinds at most (upstream's maxTypesToCheck). */
const MAX_KINDS = 10;

interface Warning {
  fieldRef: string;
  warning: string;
}

/**
 * Keeps the status of ValidatingAdmissionPolicies: what their expressions get wrong about the kinds that their rules name.
 * What it finds changes nothing about how they are evaluated.
 * @returns the way to stop.
 */
export function followPolicyTypes(store: Store, registry: Registry, log: ServerLog): () => void {
  const cache = store.cache(POLICIES);
  const check = (entry: Entry): void => {
    if (isObserved(entry.object)) return;
    const decide = (current: Entry | undefined): Decision => {
      if (!current || isObserved(current.object)) return { keep: current ?? entry };
      return { put: { ...current.object, status: statusOf(current.object, registry) } };
    };
    store.write(POLICIES, { namespace: '', name: entry.name }, decide).catch((error: unknown) => {
      log.error({ err: error, policy: entry.name }, 'checking the types of a policy failed');
    });
  };
  for (const entry of cache.entries.from('')) check(entry);
  return cache.onChange(({ type, entry }) => {
    if (type !== 'DELETED') check(entry);
  });
}

function isObserved({ metadata, status }: KubeObject): boolean {
  return (numberAt(status, 'observedGeneration') ?? 0) >= (metadata.generation ?? 0);
}

function statusOf(policy: KubeObject, registry: Registry): Fields {
  const expressionWarnings = typeWarnings(policy.spec ?? {}, registry);
  return {
    ...policy.status,
    observedGeneration: policy.metadata.generation,
    typeChecking: expressionWarnings.length > 0 ? { expressionWarnings } : {},
  };
}

function typeWarnings(spec: Fields, registry: Registry): Warning[] {
  const kinds = kindsOf(spec, registry);
  const params = paramsType(spec, registry);
  const warnings: Warning[] = [];
  objectsAt(spec, 'validations').forEach((validation, index) => {
    for (const field of ['expression', 'messageExpression']) {
      const source = textAt(validation, field);
      if (source === '') continue;
      const wrong = kinds.flatMap((kind) => mistakesFor(kind, source, spec, params));
      if (wrong.length > 0)
        warnings.push({ fieldRef: `spec.validations[${index}].${field}`, warning: wrong.join('\n') });
    }
  });
  return warnings;
}

function mistakesFor({ apiVersion, served }: Registration, source: string, spec: Fields, params: CelType | undefined) {
  const object = celTypeOfSchema(served.schema, true, served.kind) ?? celType.dyn;
  const scope: Scope = { params: params !== undefined, objects: { object, params: params ?? celType.dyn } };
  const variables = compileVariables(objectsAt(spec, 'variables'), scope);
  const { error } = compileExpression(source, { ...scope, variables: variables.types }, []);
  return error === undefined
    ? []
    : [`${apiVersion}, Kind=${served.kind}: ${error.replace(/^compilation failed: /, '')}\n`];
}

/** The kinds that the rules name outright, sorted; wildcards name none. */
function kindsOf(spec: Fields, registry: Registry): Registration[] {
  const found = new Set<Registration>();
  for (const rule of objectsAt(objectAt(spec, 'matchConstraints'), 'resourceRules')) {
    const [groups, versions] = [textsAt(rule, 'apiGroups'), textsAt(rule, 'apiVersions')];
    if ([...groups, ...versions].some((text) => text.includes('*'))) continue;
    for (const group of groups) {
      for (const version of versions) {
        for (const resource of textsAt(rule, 'resources')) {
          const registration = registry.find(group, version, resource);
          if (registration) found.add(registration);
        }
      }
    }
  }
  const key = ({ served: { group, version, kind } }: Registration): string => `${group}/${version}/${kind}`;
  return [...found].sort((a, b) => compareText(key(a), key(b))).slice(0, MAX_KINDS);
}

function paramsType(spec: Fields, registry: Registry): CelType | undefined {
  const paramKind = objectAt(spec, 'paramKind');
  if (!paramKind) return undefined;
  const [apiVersion, kind] = [textAt(paramKind, 'apiVersion'), textAt(paramKind, 'kind')];
  const resource = registry.all().find((one) => one.apiVersion === apiVersion && one.served.kind === kind);
  return resource ? celTypeOfSchema(resource.served.schema, true, kind) : celType.dyn;
}
