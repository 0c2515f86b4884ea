/** Rotates the keys of a database folder in a process of its own, which dies in the middle. */
import { lmdbBackend } from './lmdb.ts';

/** What the process ends with when it lives to see the end. */
export const FINISHED = 7;

async function rotate(folder: string, turns: number): Promise<never> {
  const { secrets, close } = lmdbBackend(folder);
  let turn = 0;
  // Every batch gives up its turn of the event loop once.
  const countTurns = (): void => {
    if (++turn > turns) process.kill(process.pid, 'SIGKILL');
    setImmediate(countTurns);
  };
  setImmediate(countTurns);
  await secrets.rotate();
  await close();
  process.exit(FINISHED);
}

if (process.argv[1] === import.meta.filename) await rotate(process.argv[2] ?? '', Number(process.argv[3]));
