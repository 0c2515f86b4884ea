import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openWatch } from '../cache/watch.ts';
import type { Said } from './crash.testing.ts';
import { checkEverything } from './line.ts';
import { lmdbBackend, openDatabase } from './lmdb.ts';
import { createStore, type Store } from './store.ts';

const ROUNDS = 100;
/** Folders that are hammered side by side. */
const LANES = 2;
const WRITER = fileURLToPath(import.meta.resolve('./crash.testing.ts'));
const RESOURCES = ['configmaps', 'secrets'];

type Contents = Map<string, string>;

/** Runs the writer and kills it after so many acknowledged writes; 0: while it starts. Returns all that it said. */
async function killedAfter(folder: string, acknowledgements: number, cache: string): Promise<Said[]> {
  const child = spawn(process.execPath, [WRITER, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  });
  if (acknowledgements === 0) setTimeout(() => child.kill('SIGKILL'), Math.random() * 400);
  const said: Said[] = [];
  let done = 0;
  let cut = '';
  for await (const line of createInterface({ input: child.stdout })) {
    // Only the last line can have been cut off by the kill.
    expect(cut).toBe('');
    if (!line.endsWith('}')) {
      cut = line;
      continue;
    }
    const one = JSON.parse(line) as Said;
    said.push(one);
    if (one.what === 'done' && ++done === acknowledgements) child.kill('SIGKILL');
  }
  return said;
}

function contents(store: Store): Contents {
  const found: Contents = new Map();
  for (const resource of RESOURCES) {
    for (const { name, object } of store.cache({ group: '', resource }).entries.from('a')) {
      expect(object['first'], `${resource}/${name} is whole`).toBe(object['last']);
      found.set(`${resource}/${name}`, String(object['last']));
    }
  }
  return found;
}

/** Each object is as its last acknowledged write left it, or as the one write left it that was under way. */
function checkWrites(before: Contents, said: readonly Said[], after: Contents): void {
  const acknowledged = new Map<string, string | undefined>(before);
  const underWay = new Map<string, string | undefined>();
  for (const { what, key, value } of said) {
    if (what === 'begin') underWay.set(key, value);
    if (what !== 'done') continue;
    acknowledged.set(key, value);
    underWay.delete(key);
  }
  for (const key of new Set([...acknowledged.keys(), ...underWay.keys(), ...after.keys()])) {
    const allowed = [acknowledged.get(key), ...(underWay.has(key) ? [underWay.get(key)] : [])];
    expect(allowed, key).toContain(after.get(key));
  }
}

/** What watchers saw rises strictly; what they saw and what a watch from there goes on with lead to what there is. */
function checkWatches(before: Contents, from: number, said: readonly Said[], store: Store, after: Contents): void {
  for (const resource of RESOURCES) {
    let last = from;
    const view = new Map([...before].filter(([key]) => key.startsWith(resource)));
    const see = (key: string, revision: number, value: string | undefined): void => {
      expect(revision).toBeGreaterThan(last);
      last = revision;
      if (value === undefined) view.delete(key);
      else view.set(key, value);
    };
    for (const { what, key, revision = 0, value } of said) {
      if (what === 'watched' && key.startsWith(resource)) see(key, revision, value);
    }
    const selection = {};
    const options = { selection, after: last, initial: false, initialBookmark: false };
    const watch = openWatch(store.cache({ group: '', resource }), () => store.revision, options);
    for (const item of watch.pull(100_000)) {
      if (item.type === 'BOOKMARK') continue;
      const value = item.type === 'DELETED' ? undefined : String(item.entry.object['last']);
      see(`${resource}/${item.entry.name}`, item.entry.revision, value);
    }
    watch.close();
    expect(view).toEqual(new Map([...after].filter(([key]) => key.startsWith(resource))));
  }
}

async function lane(folder: string, cache: string, rounds: number): Promise<number> {
  let before: Contents = new Map();
  let revision = 1;
  let acknowledged = 0;
  for (let round = 0; round < rounds; round++) {
    const said = await killedAfter(folder, round % 5 === 4 ? 0 : 1 + Math.floor(Math.random() * 60), cache);
    const db = openDatabase(folder, { readOnly: true });
    checkEverything(db, folder, () => {});
    await db.close();
    const store = createStore(lmdbBackend(folder));
    const after = contents(store);
    checkWrites(before, said, after);
    checkWatches(before, revision, said, store, after);
    acknowledged += said.filter(({ what }) => what === 'done').length;
    before = after;
    revision = store.revision;
    await store.close();
  }
  return acknowledged;
}

test('a hundred times kill -9 under load: no acknowledged write is lost, none is half there, and watches go on without a gap', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'homeport-kill-'));
  const cache = join(folder, 'cache');
  try {
    spawnSync(process.execPath, [WRITER], { env: { ...process.env, NODE_COMPILE_CACHE: cache } });
    const lanes = Array.from({ length: LANES }, (_, index) => lane(join(folder, String(index)), cache, ROUNDS / LANES));
    const counts = await Promise.all(lanes);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(ROUNDS * 5);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 240_000);
