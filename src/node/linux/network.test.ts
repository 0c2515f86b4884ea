import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chooseRuntime } from '../detect.ts';
import { reserveNetwork } from './network.ts';

const { name } = await chooseRuntime('auto');

describe.runIf(name === 'linux')('a network', () => {
  test('stays with its data folder, also while another instance starts in between', async () => {
    const root = await mkdtemp(join(tmpdir(), 'homeport-network-'));
    const claims = join(root, 'claims');
    const reserve = (folder: string) => reserveNetwork({ dataDir: join(root, folder), claims });
    const indexOf = async (folder: string) => {
      const { index, release } = await reserve(folder);
      await release();
      return index;
    };
    const one = await indexOf('one');
    const two = await reserve('two');
    expect(two.index).not.toBe(one);
    expect(await indexOf('one')).toBe(one);
    // A copy of a data folder is another instance, a folder that was moved is the same one.
    await cp(join(root, 'one'), join(root, 'copy'), { recursive: true });
    expect(await indexOf('copy')).not.toBe(one);
    await cp(join(root, 'one'), join(root, 'moved'), { recursive: true });
    await rm(join(root, 'one'), { recursive: true });
    expect(await indexOf('moved')).toBe(one);
    await two.release();
    await rm(join(root, 'moved'), { recursive: true });
    await indexOf('two');
    expect(await readdir(claims)).toHaveLength(2);
    await rm(root, { recursive: true, force: true });
  });
});
