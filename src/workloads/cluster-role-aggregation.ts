import { type Controller, createController, type PlatformContext } from '../client/index.ts';
import {
  ApiError,
  compareText,
  equalJson,
  isFields,
  type KubeObject,
  type LabelSelector,
  type LabelSelectorSpec,
  labelSelectorOf,
} from '../machinery/index.ts';
import { clusterRoles } from './resources.ts';

const NAME = 'clusterrole-aggregation-controller';

/** Writes into each ClusterRole with an aggregationRule the rules of the roles that it selects. */
export function clusterRoleAggregation(context: PlatformContext): Controller {
  const { client, informers } = context;
  const informer = informers.for(clusterRoles);

  async function reconcile(name: string): Promise<undefined> {
    const role = informer.get(name);
    const selectors = role ? selectorsOf(role) : [];
    if (!role || selectors.length === 0) return;
    const rules = gathered(name, selectors, informer.list());
    if (equalJson(rules, role['rules'] ?? [])) return;
    const { apiVersion, kind } = role;
    const applied = { apiVersion, kind, metadata: { name }, rules };
    await client.apply(clusterRoles, applied, { fieldManager: NAME, force: true });
  }

  const aggregated = () =>
    informer
      .list()
      .filter((role) => selectorsOf(role).length > 0)
      .map(({ metadata }) => metadata.name);
  return createController({
    name: NAME,
    context,
    // A role that changes may enter or leave any selection.
    sources: [{ resource: clusterRoles, keys: (role) => new Set([role.metadata.name, ...aggregated()]) }],
    reconcile,
  });
}

/** The rules of the selected roles in the order of selectors and names, each once. */
function gathered(name: string, selectors: readonly LabelSelector[], roles: readonly KubeObject[]): unknown[] {
  const rules = new Map<string, unknown>();
  const sorted = roles.toSorted((one, other) => compareText(one.metadata.name, other.metadata.name));
  for (const selector of selectors) {
    for (const role of sorted) {
      if (role.metadata.name === name || !selector.matches(role.metadata.labels ?? {})) continue;
      for (const rule of Array.isArray(role['rules']) ? role['rules'] : []) rules.set(JSON.stringify(rule), rule);
    }
  }
  return [...rules.values()];
}

/** One that nobody can read selects nothing. */
function selectorsOf(role: KubeObject): LabelSelector[] {
  const rule = role['aggregationRule'];
  const selectors = isFields(rule) && Array.isArray(rule['clusterRoleSelectors']) ? rule['clusterRoleSelectors'] : [];
  return selectors.flatMap((spec: LabelSelectorSpec) => {
    try {
      return [labelSelectorOf(spec)];
    } catch (error) {
      if (error instanceof ApiError) return [];
      throw error;
    }
  });
}
