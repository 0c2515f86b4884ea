import { colours } from './colours.ts';

/** What takes less than this, in milliseconds, is not worth a word. */
const PATIENCE = 1_000;
const EVERY = 200;

/**
 * Says on stderr how far something is that takes longer than a second: one line, in place, at a terminal; nothing elsewhere.
 * @returns what to call as it goes on, and at its end.
 */
export function progressOf(what: string): { tell(done: number, total: number): void; end(): void } {
  const began = performance.now();
  let told = 0;
  return {
    tell(done, total) {
      const now = performance.now();
      if (!process.stderr.isTTY || now - began < PATIENCE || now - told < EVERY) return;
      told = now;
      const percent = total > 0 ? Math.min(100, Math.floor((100 * done) / total)) : 100;
      process.stderr.write(`\r${colours.dim('…')} ${what}: ${percent} % (${done} of ${total} records)`);
    },
    end() {
      if (told > 0) process.stderr.write('\r\x1b[K');
    },
  };
}
