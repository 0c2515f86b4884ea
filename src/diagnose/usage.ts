import { isFields, type KubeObject, objectKey, parseQuantity } from '../machinery/index.ts';
import { listAt } from './status.ts';
import type { TreeNode } from './tree.ts';
import type { ObjectSource, TreeUsage } from './types.ts';

/** Where usage is told: by a cluster that measures it. */
export const usageApi = { apiVersion: 'metrics.k8s.io/v1beta1', kind: 'PodMetrics' } as const;

/** The tree with what each pod in it uses, and above that what all below use together. Nothing is added where nobody measures. */
export async function withUsage(tree: TreeNode, source: Pick<ObjectSource, 'list'>): Promise<TreeNode> {
  const namespaces = new Set(podsOf(tree).map(({ metadata }) => metadata.namespace));
  const lists = await Promise.all(
    [...namespaces].map((namespace) => source.list(usageApi.apiVersion, usageApi.kind, namespace)),
  );
  return added(tree, new Map(lists.flat().map((metrics) => [keyOf(metrics), usageOf(metrics)])));
}

const keyOf = ({ metadata }: KubeObject): string => objectKey(metadata.name, metadata.namespace);
const isPod = ({ kind, apiVersion }: KubeObject): boolean => kind === 'Pod' && apiVersion === 'v1';

function podsOf({ object, children }: TreeNode): KubeObject[] {
  return [...(isPod(object) ? [object] : []), ...children.flatMap(podsOf)];
}

function added(node: TreeNode, usages: ReadonlyMap<string, TreeUsage>): TreeNode {
  const children = node.children.map((child) => added(child, usages));
  const own = isPod(node.object) ? usages.get(keyOf(node.object)) : undefined;
  const parts = [own, ...children.map(({ usage }) => usage)].filter((part) => part !== undefined);
  return { ...node, children, ...(parts.length > 0 ? { usage: sum(parts) } : {}) };
}

function usageOf(metrics: KubeObject): TreeUsage {
  const amount = (value: unknown): number => Number(parseQuantity(String(value ?? '0')).nanos);
  return sum(
    listAt(metrics, ['containers']).map(({ usage }) => {
      const { cpu, memory } = isFields(usage) ? usage : {};
      return { cpu: amount(cpu), memory: Math.round(amount(memory) / 1e9) };
    }),
  );
}

function sum(parts: readonly TreeUsage[]): TreeUsage {
  return parts.reduce((total, { cpu, memory }) => ({ cpu: total.cpu + cpu, memory: total.memory + memory }), {
    cpu: 0,
    memory: 0,
  });
}

/** As kubectl top shows it: thousandths of a CPU, and whole mebibytes. */
export function usageText({ cpu, memory }: TreeUsage): { cpu: string; memory: string } {
  return { cpu: `${Math.ceil(cpu / 1e6)}m`, memory: `${Math.floor(memory / 1024 ** 2)}Mi` };
}
