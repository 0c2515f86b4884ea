import { equalJson, isFields, type KubeObject } from '../../../machinery/index.ts';
import { missingPermissions, rulesOf } from '../policy-rule.ts';

const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

/**
 * What a start makes of a role or binding of its own that is there already: permissions and subjects that are missing are
 * added again, what somebody has added stays. A binding to another role is made anew. undefined if there is nothing to
 * change, and for one that its users keep themselves (the annotation autoupdate is 'false').
 */
export function reconcileRbac(current: KubeObject, wanted: KubeObject): KubeObject | undefined {
  const { metadata } = current;
  if (metadata.annotations?.[AUTOUPDATE] === 'false') return undefined;
  if (!equalJson(current['roleRef'], wanted['roleRef'])) return wanted;
  const next: KubeObject = {
    ...current,
    metadata: {
      ...metadata,
      labels: { ...wanted.metadata.labels, ...metadata.labels },
      annotations: { ...wanted.metadata.annotations, ...metadata.annotations },
    },
  };
  if (Array.isArray(wanted['rules'])) {
    const missing = lacking(current, wanted);
    if (missing.length > 0) next['rules'] = [...listOf(current['rules']), ...missing];
  }
  if (wanted['subjects']) next['subjects'] = union(current['subjects'], wanted['subjects']);
  if (wanted['aggregationRule']) next['aggregationRule'] = aggregation(current, wanted);
  return equalJson(next, current) ? undefined : next;
}

/** The wanted rules that the current ones do not cover. */
function lacking(current: KubeObject, wanted: KubeObject): unknown[] {
  const held = rulesOf(current);
  const rules = rulesOf(wanted);
  return listOf(wanted['rules']).filter(
    (_, index) => missingPermissions(held, rules.slice(index, index + 1))?.length !== 0,
  );
}

function aggregation(current: KubeObject, wanted: KubeObject): object {
  const selectorsOf = (role: KubeObject) =>
    isFields(role['aggregationRule']) ? role['aggregationRule']['clusterRoleSelectors'] : [];
  return { clusterRoleSelectors: union(selectorsOf(current), selectorsOf(wanted)) };
}

function union(current: unknown, wanted: unknown): unknown[] {
  const have = listOf(current);
  return [...have, ...listOf(wanted).filter((item) => !have.some((own) => equalJson(own, item)))];
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
