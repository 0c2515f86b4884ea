import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { lmdbBackend } from './lmdb.ts';
import { createStore } from './store.ts';

const CONFIG_MAPS = { group: '', resource: 'configmaps' };

/** Writes without end, sixteen at a time, and prints the name of each object once its write is acknowledged. */
const WRITER = `
import { lmdbBackend } from ${JSON.stringify(import.meta.resolve('./lmdb.ts'))};
import { createStore } from ${JSON.stringify(import.meta.resolve('./store.ts'))};
const store = createStore(lmdbBackend(process.argv[1]));
let next = 0;
async function write() {
  for (;;) {
    const name = 'cm-' + next++;
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'a' }, data: { x: 'y'.repeat(500) } };
    await store.write({ group: '', resource: 'configmaps' }, { namespace: 'a', name }, () => ({ put: object }));
    process.stdout.write(name + '\\n');
  }
}
for (let i = 0; i < 16; i++) void write();
`;

test('every acknowledged write survives kill -9', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'homeport-kill-'));
  try {
    const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const acknowledged: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.push(line);
      if (acknowledged.length === 300) child.kill('SIGKILL');
    }
    const store = createStore(lmdbBackend(folder));
    const found = new Set([...store.cache(CONFIG_MAPS).entries.from('a')].map(({ name }) => name));
    // The last line may have been cut off by the kill.
    const lost = acknowledged.slice(0, -1).filter((name) => !found.has(name));
    expect(lost).toEqual([]);
    expect(found.size).toBeGreaterThanOrEqual(299);
    await store.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
