import type { PolicyRule } from '../policy-rule.ts';

/** What nearly every component may do. */
export const EVENTS = 'create,patch,update core,events.k8s.io events';

/**
 * Reads rules written in a line each: 'VERBS GROUPS RESOURCES NAMES' or 'VERBS URLS', with commas within. The legacy
 * group is 'core'; the names may be left out. 'get,list core,apps pods,deployments'.
 */
export function rulesFrom(lines: readonly string[]): PolicyRule[] {
  return lines.map((line) => {
    const [verbs = [], first = [], resources, resourceNames] = line.split(' ').map((column) => column.split(','));
    if (resources === undefined) return { verbs, nonResourceURLs: first };
    const apiGroups = first.map((group) => (group === 'core' ? '' : group));
    return { verbs, apiGroups, resources, ...(resourceNames ? { resourceNames } : {}) };
  });
}
