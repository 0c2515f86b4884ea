import { chmod, mkdir } from 'node:fs/promises';
import { parseQuantity, quantityToNumber } from '../../machinery/index.ts';
import { runTool } from '../linux/shell.ts';
import { mountPointsBelow } from '../mount-points.ts';
import type { Pod, Volume } from '../pod.ts';

type EmptyDir = NonNullable<Volume['emptyDir']>;

/** Makes the folder of an emptyDir, open to every user: one that is on disk. */
export async function makeDiskFolder(path: string): Promise<void> {
  // Once it is there, its mode is the pod's own affair.
  if ((await mkdir(path, { recursive: true })) !== undefined) await chmod(path, 0o777);
}

/**
 * Makes the folder of an emptyDir of medium Memory: a file system of its own in memory, which ends where the limit, the
 * pod's memory or the machine's is used up.
 */
export async function makeMemoryFolder(path: string, emptyDir: EmptyDir, pod: Pod, machine: number): Promise<void> {
  await mkdir(path, { recursive: true });
  if ((await mountPointsBelow(path)).includes(path)) return;
  const size = Math.min(limitOf(emptyDir) ?? machine, memoryOf(pod) ?? machine, machine);
  await runTool('mount', ['-t', 'tmpfs', '-o', `size=${Math.ceil(size)},mode=0777,nosuid,nodev`, 'tmpfs', path]);
}

/** The bytes that an emptyDir may hold; undefined without a limit. */
export function limitOf({ sizeLimit }: EmptyDir): number | undefined {
  const limit = sizeLimit === undefined ? 0 : quantityToNumber(parseQuantity(sizeLimit));
  return limit > 0 ? limit : undefined;
}

/** The sum of its containers' memory limits, when all of them have one. */
function memoryOf({ spec }: Pod): number | undefined {
  const limits = (spec?.containers ?? []).map(({ resources }) => resources?.limits?.['memory']);
  if (limits.some((limit) => limit === undefined)) return undefined;
  return limits.reduce<number>((sum, limit) => sum + quantityToNumber(parseQuantity(limit ?? 0)), 0);
}
