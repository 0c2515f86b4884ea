import { isTolerated } from '../../taints.ts';
import type { Taint } from '../../types.ts';
import type { NodeInfo } from '../node-info.ts';
import { type Plugin, type Refusal, refusal, stretch } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';

const name = 'TaintToleration';

/** Nodes keep away pods that do not tolerate their taints. */
export const taintToleration: Plugin = {
  name,
  judge({ tolerations }) {
    /** By taint: the nodes of a pool share theirs. */
    const refusals = new Map<string, Refusal>();
    return {
      filter({ repelling }) {
        if (repelling.length === 0) return undefined;
        const taint = repelling.find((each) => !isTolerated(each, tolerations));
        return taint && refusalFor(taint, refusals);
      },
    };
  },
  scorer(pod, _cluster, nodes) {
    if (nodes.every(({ discouraging }) => discouraging.length === 0)) return undefined;
    const tolerations = pod.tolerations.filter(({ effect }) => !effect || effect === 'PreferNoSchedule');
    return {
      weight: 3,
      score: ({ discouraging }) => discouraging.filter((taint) => !isTolerated(taint, tolerations)).length,
      normalize: (scores) => stretch(scores, true),
    };
  },
  helps: { node: ({ node }, pod) => toleratesAll(pod, node.spec?.taints ?? []) },
};

function refusalFor({ key, value = '' }: Taint, refusals: Map<string, Refusal>): Refusal {
  const reason = `node(s) had untolerated taint {${key}: ${value}}`;
  let found = refusals.get(reason);
  if (!found) {
    found = refusal(name, reason, { final: true });
    refusals.set(reason, found);
  }
  return found;
}

function toleratesAll({ tolerations }: PodInfo, taints: NodeInfo['repelling']): boolean {
  return taints.every((taint) => taint.effect === 'PreferNoSchedule' || isTolerated(taint, tolerations));
}
