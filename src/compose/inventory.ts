import type { KubeObject } from '../machinery/index.ts';
import { INVENTORY_ANNOTATION } from './names.ts';

/** One composed object. Short keys: the list lives in an annotation, and an instance has it whole. */
export interface InventoryItem {
  /** The node that composed it. */
  id: string;
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
  /** The level of its node: higher ones depend on lower ones and are deleted first. */
  level: number;
}

/** What identifies a composed object, whichever node made it. */
export function identityOf(item: Pick<InventoryItem, 'apiVersion' | 'kind' | 'namespace' | 'name'>): string {
  return `${item.apiVersion}/${item.kind}/${item.namespace ?? ''}/${item.name}`;
}

/** 'Deployment/web': an item in messages. */
export function nameOfItem(item: Pick<InventoryItem, 'kind' | 'name'>): string {
  return `${item.kind}/${item.name}`;
}

/** The inventory stored on an instance; empty if it has none. Throws Error if somebody has made it unreadable. */
export function inventoryOf(instance: KubeObject): InventoryItem[] {
  const text = instance.metadata.annotations?.[INVENTORY_ANNOTATION];
  if (!text) return [];
  let items: unknown;
  try {
    items = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `annotation ${INVENTORY_ANNOTATION} of ${instance.kind}/${instance.metadata.name} is not JSON: ${why}`,
    );
  }
  return Array.isArray(items) ? items.filter(isItem) : [];
}

function isItem(value: unknown): value is InventoryItem {
  if (typeof value !== 'object' || value === null) return false;
  const item = value as Partial<Record<keyof InventoryItem, unknown>>;
  const texts = [item.id, item.apiVersion, item.kind, item.name];
  return texts.every((text) => typeof text === 'string' && text !== '') && typeof item.level === 'number';
}
