import { runTool } from '../linux/shell.ts';

/** A folder of a pod that may hold only so much. */
export interface LimitedFolder {
  /** The volume's name. */
  name: string;
  path: string;
  /** Bytes. */
  limit: number;
  /** The limit as its author has written it: '500Mi'. */
  text: string;
}

/** Milliseconds. The kubelet looks every ten seconds; small folders are looked at more often, at a twentieth of the time. */
const [soonest, latest, share] = [1000, 10_000, 20];

/**
 * Measures folders now and then, and tells of the first one that has outgrown its limit, in the kubelet's words; then it
 * is over. @returns the way to end it earlier
 */
export function watchSizes(folders: readonly LimitedFolder[], exceeded: (message: string) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let over = false;

  async function look(): Promise<void> {
    const began = performance.now();
    for (const { limit, name, path, text } of folders) {
      const used = await usage(path);
      if (over) return;
      if (used > limit) return exceeded(`Usage of EmptyDir volume "${name}" exceeds the limit "${text}". `);
    }
    const took = performance.now() - began;
    schedule(Math.min(Math.max(took * share, soonest), latest));
  }

  function schedule(wait: number): void {
    if (over) return;
    timer = setTimeout(() => void look().catch(() => schedule(latest)), wait);
    timer.unref();
  }

  if (folders.length > 0) schedule(soonest);
  return () => {
    over = true;
    clearTimeout(timer);
  };
}

/** The bytes that the files in a folder take on disk, as du(1) counts them. */
async function usage(path: string): Promise<number> {
  return Number.parseInt(await runTool('du', ['-skx', '--', path]), 10) * 1024;
}
