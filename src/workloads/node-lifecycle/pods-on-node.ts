import type { Informer } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import type { Pod } from '../types.ts';

/** Pods by the node that they are on: the index 'node'. */
export function nodeIndex({ spec }: KubeObject): string[] {
  const name = spec?.['nodeName'];
  return typeof name === 'string' && name !== '' ? [name] : [];
}

export function podsOnNode(informer: Informer, name: string): Pod[] {
  return informer.byIndex('node', name) as Pod[];
}
