import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

/** Writes until that fails, then something small, and says what came of it. An unhandled rejection would end it. */
const WRITER = `
import { lmdbBackend } from ${JSON.stringify(import.meta.resolve('./lmdb.ts'))};
import { createStore } from ${JSON.stringify(import.meta.resolve('./store.ts'))};
const store = createStore(lmdbBackend(process.argv[1]));
const resource = { group: '', resource: 'configmaps' };
const write = (name, size) => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'a' }, data: { x: 'y'.repeat(size) } };
  return store.write(resource, { namespace: 'a', name }, () => ({ put: object }));
};
let written = 0;
let refusal;
while (!refusal) {
  await write('cm-' + written, 500_000).then(() => written++, (error) => { refusal = error; });
}
const again = await write('one-more', 500_000).catch((error) => error.code);
await new Promise((resolve) => setTimeout(resolve, 50));
const found = [...store.cache(resource).entries.from('a')].length;
console.log(JSON.stringify({ written, found, again, code: refusal.code, message: refusal.message, failure: store.failure }));
process.exit(0);
`;

test('a full disk refuses writes, says so, and loses nothing that was acknowledged', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'homeport-full-'));
  try {
    // A limit on the size of files (8 MiB) stands for the end of the disk; the signal that comes with it is ignored.
    const limited = `trap '' XFSZ; ulimit -f 16384; exec "$0" --input-type=module -e "$1" "$2"`;
    const child = spawn('sh', ['-c', limited, process.execPath, WRITER, folder], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const said = JSON.parse(await text(child.stdout)) as Record<string, unknown>;
    expect(said).toMatchObject({ code: 500, again: 500, found: said['written'] });
    expect(said['written']).toBeGreaterThan(5);
    expect(said['message']).toMatch(/^Internal error occurred: storing up to revision \d+ failed: /);
    expect(said['failure']).toBe(said['message']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
