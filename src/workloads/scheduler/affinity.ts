import type { Node, NodeSelectorRequirement, NodeSelectorTerm, Pod } from '../types.ts';

/** Whether the node has the labels that the pod's nodeSelector and its required node affinity ask for. */
export function matchesNode({ spec }: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(spec?.nodeSelector ?? {}).every(([name, value]) => labels[name] === value)) return false;
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** Whether the pod says anything about the nodes that it must run on. */
export function constrainsNodes({ spec }: Pod): boolean {
  return (
    spec?.nodeSelector !== undefined ||
    spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined
  );
}

/** A term without requirements matches no node. */
export function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const fields = { 'metadata.name': node.metadata.name };
  return (
    matchExpressions.every((requirement) => meets(requirement, node.metadata.labels ?? {})) &&
    matchFields.every((requirement) => meets(requirement, fields))
  );
}

function meets({ key, operator, values = [] }: NodeSelectorRequirement, of: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(of, key) ? of[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return compare(value, values[0], (a, b) => a > b);
    case 'Lt':
      return compare(value, values[0], (a, b) => a < b);
    default:
      return false;
  }
}

function compare(a: string | undefined, b: string | undefined, holds: (a: bigint, b: bigint) => boolean): boolean {
  const integer = /^[+-]?\d{1,19}$/;
  return a !== undefined && b !== undefined && integer.test(a) && integer.test(b) && holds(BigInt(a), BigInt(b));
}
