import type { NodeAffinity, NodeSelectorTerm } from '../../types.ts';
import { constrainsNodes, matchesNode, matchesTerm } from '../affinity.ts';
import { type Plugin, refusal, stretch, type Verdict } from '../plugin.ts';

const name = 'NodeAffinity';
const mismatch = refusal(name, "node(s) didn't match Pod's node affinity/selector", { final: true });
const conflict = refusal(name, 'pod affinity terms conflict', { final: true });

/** The pod's nodeSelector, and the node affinities that it requires or prefers. */
export const nodeAffinity: Plugin = {
  name,
  judge({ pod }) {
    if (!constrainsNodes(pod)) return undefined;
    const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    const only = terms && namesIn(terms);
    if (only?.size === 0) return { refusal: conflict };
    const verdict: Verdict = { filter: ({ node }) => (matchesNode(pod, node) ? undefined : mismatch) };
    return only ? { ...verdict, only } : verdict;
  },
  scorer({ pod }) {
    const preferred: NodeAffinity['preferredDuringSchedulingIgnoredDuringExecution'] =
      pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
    if (!preferred?.length) return undefined;
    return {
      weight: 2,
      score: ({ node }) =>
        preferred.reduce((sum, { weight, preference }) => (matchesTerm(preference, node) ? sum + weight : sum), 0),
      normalize: (scores) => stretch(scores),
    };
  },
  helps: { node: ({ node }, { pod }) => matchesNode(pod, node) },
};

/** The nodes that the terms ask for by name, as the pods of DaemonSets do; undefined if a term is open to others. */
function namesIn(terms: readonly NodeSelectorTerm[]): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  for (const { matchFields = [] } of terms) {
    const lists = matchFields
      .filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
      .map(({ values = [] }) => new Set(values));
    const [first, ...others] = lists;
    if (!first) return undefined;
    for (const each of first) if (others.every((list) => list.has(each))) names.add(each);
  }
  return names;
}
