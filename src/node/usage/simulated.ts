import type { MeasuredUsage } from '../../client/index.ts';
import { parseQuantity, quantityError } from '../../machinery/index.ts';
import type { Pod } from '../pod.ts';

/** What kwok's clusters call it, so that manifests for them say the same here. */
const ANNOTATIONS = { cpu: 'kwok.x-k8s.io/usage-cpu', memory: 'kwok.x-k8s.io/usage-memory' };
const WINDOW = 10_000;

/** A pod that only seems to run uses what its annotations say, in each of these containers, or else nothing. */
export function usageOfSimulated({ metadata }: Pod, names: readonly string[]): Map<string, MeasuredUsage> {
  const nanosOf = (annotation: string): number => {
    const text = metadata.annotations?.[annotation] ?? '0';
    return quantityError(text) === undefined ? Math.max(0, Number(parseQuantity(text).nanos)) : 0;
  };
  const [cpu, memory] = [nanosOf(ANNOTATIONS.cpu), Math.round(nanosOf(ANNOTATIONS.memory) / 1e9)];
  const usage = { at: Date.now(), window: WINDOW, cpu, memory };
  return new Map(names.map((name) => [name, usage]));
}
