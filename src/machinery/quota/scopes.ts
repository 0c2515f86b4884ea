import type { Fields, KubeObject } from '../object.ts';
import { containersOf, resourcesOf } from './pod-resources.ts';
import { quotaEvaluator } from './usage.ts';

/** One scope of a quota (core/v1 ScopedResourceSelectorRequirement). */
interface ScopeRequirement {
  scopeName: string;
  operator: string;
  values?: readonly string[];
}

interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

/** The scopes of a quota, those of its scopeSelector included. */
function scopesOf({ spec }: KubeObject): ScopeRequirement[] {
  const scopes = ((spec?.['scopes'] as string[] | undefined) ?? []).map((scopeName) => ({
    scopeName,
    operator: 'Exists',
  }));
  const selector = spec?.['scopeSelector'] as { matchExpressions?: ScopeRequirement[] } | undefined;
  return [...scopes, ...(selector?.matchExpressions ?? [])];
}

/** The limits of a quota, out of these, that an object of a resource is charged to: none if it is out of its scopes. */
export function limitsOn(
  quota: KubeObject,
  limits: readonly string[],
  of: GroupResource,
  object: KubeObject,
): string[] {
  const { handles } = quotaEvaluator(of);
  const concerned = limits.filter(handles);
  if (concerned.length === 0) return [];
  return scopesOf(quota).every((scope) => inScope(scope, of, object)) ? concerned : [];
}

function inScope(scope: ScopeRequirement, { group, resource }: GroupResource, object: KubeObject): boolean {
  if (group !== '') return false;
  if (resource === 'pods') return podInScope(scope, object);
  if (resource !== 'persistentvolumeclaims' || scope.scopeName !== 'VolumeAttributesClass') return false;
  return selects(scope, attributesClasses(object));
}

function podInScope(scope: ScopeRequirement, pod: KubeObject): boolean {
  const deadline = pod.spec?.['activeDeadlineSeconds'];
  switch (scope.scopeName) {
    case 'Terminating':
      return deadline !== undefined;
    case 'NotTerminating':
      return deadline === undefined;
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass':
      return selects(scope, pod.spec?.['priorityClassName'] ? [String(pod.spec['priorityClassName'])] : []);
    case 'CrossNamespacePodAffinity':
      return reachesOut(pod.spec?.['affinity'] as Fields | undefined);
    default:
      return false;
  }
}

function selects({ operator, values = [] }: ScopeRequirement, names: readonly string[]): boolean {
  switch (operator) {
    case 'Exists':
      return names.length > 0;
    case 'DoesNotExist':
      return names.length === 0;
    case 'In':
      return names.some((name) => values.includes(name));
    default:
      return names.length === 0 || names.some((name) => !values.includes(name));
  }
}

/** True for a pod whose containers ask for no processor time and no memory at all. */
function isBestEffort(pod: KubeObject): boolean {
  return [...containersOf(pod), pod.spec ?? {}].every((container) =>
    (['requests', 'limits'] as const).every((which) => {
      const amounts = resourcesOf(container, which);
      return ['cpu', 'memory'].every((name) => (amounts.get(name)?.nanos ?? 0n) === 0n);
    }),
  );
}

/** True if a pod wants to be near pods of other namespaces, or away from them. */
function reachesOut(affinity: Fields | undefined): boolean {
  return ['podAffinity', 'podAntiAffinity'].some((kind) => {
    const rules = affinity?.[kind] as Record<string, Fields[] | undefined> | undefined;
    const required = rules?.['requiredDuringSchedulingIgnoredDuringExecution'] ?? [];
    const preferred = rules?.['preferredDuringSchedulingIgnoredDuringExecution'] ?? [];
    const terms = [...required, ...preferred.map((term) => (term['podAffinityTerm'] ?? {}) as Fields)];
    return terms.some(
      (term) => (term['namespaces'] as string[] | undefined)?.length || term['namespaceSelector'] !== undefined,
    );
  });
}

function attributesClasses({ spec, status }: KubeObject): string[] {
  const modify = status?.['modifyVolumeStatus'] as Fields | undefined;
  const names = [
    spec?.['volumeAttributesClassName'],
    status?.['currentVolumeAttributesClassName'],
    modify?.['targetVolumeAttributesClassName'],
  ];
  return names.filter((name): name is string => typeof name === 'string' && name !== '');
}
