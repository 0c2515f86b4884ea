// Ctrl-C is over soon, whatever pods think of it and whatever is under way.
import { expect, test } from 'vitest';
import { chooseRuntime } from '../src/node/index.ts';
import { startHomeport } from './support/homeport.ts';
import { buildDemoImage } from './support/images.ts';
import { ended } from './support/run.ts';

const { name: runtime } = await chooseRuntime('auto');

const manifest = JSON.stringify({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'deaf' },
  spec: {
    replicas: 20,
    selector: { matchLabels: { app: 'deaf' } },
    template: {
      metadata: { labels: { app: 'deaf' } },
      spec: {
        containers: [
          { name: 'main', image: 'silly-demo:1', command: ['sh', '-c', 'trap "" TERM; while :; do sleep 1000; done'] },
        ],
      },
    },
  },
});

test.runIf(runtime === 'linux')(
  'twenty pods that ignore SIGTERM, starting or running',
  { timeout: 60_000 },
  async () => {
    const homeport = await startHomeport();
    await buildDemoImage(homeport, 'silly-demo:1');
    const interrupt = async (instance: typeof homeport) => {
      const began = performance.now();
      instance.process.kill('SIGINT');
      await ended(instance.process);
      expect(instance.process.exitCode).toBe(0);
      return performance.now() - began;
    };
    await homeport.kubectl(['create', '-f', '-'], { input: manifest });
    expect(await interrupt(homeport)).toBeLessThan(8000);
    const again = await startHomeport([], homeport.dataDir);
    await again.kubectl('rollout status deploy/deaf --timeout=30s');
    expect(await interrupt(again)).toBeLessThan(8000);
    await homeport.stop();
  },
);
