import { isTolerated } from '../../taints.ts';
import { type Plugin, refusal } from '../plugin.ts';

const cordon = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
const cordoned = refusal('NodeUnschedulable', 'node(s) were unschedulable', { final: true });

/** Cordoned nodes take only pods that tolerate it. */
export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  judge({ tolerations }) {
    if (tolerations.length > 0 && isTolerated(cordon, tolerations)) return undefined;
    return { filter: ({ node }) => (node.spec?.unschedulable ? cordoned : undefined) };
  },
  helps: { node: ({ node }) => !node.spec?.unschedulable },
};
