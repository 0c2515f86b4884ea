import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { driverName } from './csi-driver.ts';
import type { TestHomeport } from './homeport.ts';
import { ended, eventually } from './run.ts';
import { root } from './tools.ts';

/** The driver of the tests in a process of its own. */
export interface CsiProcess {
  /** Each call that it got, as 'NAME {REQUEST}'. */
  readonly calls: readonly string[];
  stop(): Promise<void>;
}

/** Starts the driver for a Homeport and waits until that knows it. @param folder where the driver keeps its volumes */
export async function startCsiProcess(homeport: TestHomeport, folder: string): Promise<CsiProcess> {
  const calls: string[] = [];
  const socket = join(homeport.dataDir, 'plugins_registry', 'test.sock');
  const script = join(root, 'test/support/csi-driver.ts');
  const child: ChildProcess = spawn(process.execPath, [script, socket, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    calls.push(...lines);
  });
  await untilKnown(homeport);
  return {
    calls,
    async stop() {
      child.kill();
      await ended(child);
    },
  };
}

/** Waits until a Homeport has the driver. */
export const untilKnown = (homeport: TestHomeport): Promise<unknown> =>
  eventually('the driver to be registered', async () =>
    (await homeport.kubectl('get csinode homeport -o jsonpath={.spec.drivers[*].name}')).includes(driverName),
  );
