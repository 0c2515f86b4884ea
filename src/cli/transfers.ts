import type { BlobProgress } from '../registry/index.ts';
import { colours } from './colours.ts';

/** Shows the parts of a pull or push while it goes on. */
export interface Transfers {
  tell(part: BlobProgress): void;
  /** Everything has been told. */
  end(): void;
}

/** How often a terminal is drawn anew, in milliseconds. */
const EVERY = 100;
const WIDTH = 30;

/**
 * One bar a part at a terminal, drawn in place; elsewhere one plain line for each part that is there.
 * @param verb what has happened to a part: 'pulled', 'pushed'
 */
export function showTransfers(verb: string): Transfers {
  return process.stderr.isTTY ? bars(verb) : lines(verb);
}

function lines(verb: string): Transfers {
  return {
    tell({ digest, total, state }) {
      if (state !== 'transferring') console.error(`${short(digest)}: ${outcome(state, verb)} (${bytesText(total)})`);
    },
    end: () => undefined,
  };
}

function bars(verb: string): Transfers {
  const parts = new Map<string, BlobProgress>();
  let drawn = 0;
  let last = 0;
  function draw(): void {
    // More lines than the terminal has cannot be gone back over: the first ones are left out.
    const shown = [...parts.values()].slice(-Math.max(1, (process.stderr.rows ?? 24) - 2));
    const up = drawn > 0 ? `\x1b[${drawn}A` : '';
    process.stderr.write(`${up}${shown.map((part) => `\x1b[2K${bar(part, verb)}\n`).join('')}`);
    drawn = shown.length;
    last = performance.now();
  }
  return {
    tell(part) {
      const isNew = !parts.has(part.digest);
      parts.set(part.digest, part);
      if (isNew || part.state !== 'transferring' || performance.now() - last > EVERY) draw();
    },
    end() {
      if (parts.size > 0) draw();
    },
  };
}

function bar({ digest, done, total, state }: BlobProgress, verb: string): string {
  if (state !== 'transferring') return `${short(digest)}  ${outcome(state, verb)} ${colours.dim(bytesText(total))}`;
  const filled = total > 0 ? Math.round((WIDTH * done) / total) : WIDTH;
  const drawing = `${'█'.repeat(filled)}${colours.dim('░'.repeat(WIDTH - filled))}`;
  return `${short(digest)}  ${drawing} ${bytesText(done)} of ${bytesText(total)}`;
}

const outcome = (state: BlobProgress['state'], verb: string) => (state === 'present' ? 'already there' : verb);

/** The first 12 digits of a digest, as docker shows them. */
const short = (digest: string) => digest.replace('sha256:', '').slice(0, 12);

/** '17 KiB', '3.4 MiB': for people. */
export function bytesText(bytes: number): string {
  const units = ['KiB', 'MiB', 'GiB'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.max(bytes > 0 ? 1 : 0, Math.round(value)) : value.toFixed(1)} ${units[unit]}`;
}
