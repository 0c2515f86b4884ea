import { expect, test } from 'vitest';
import { createPace } from './pace.ts';

test('a watcher is woken at once, one that rests once for all it was called for', async () => {
  const soon = createPace();
  const woken: string[] = [];
  const slow = (): void => {
    woken.push('slow');
    for (const end = performance.now() + 2; performance.now() < end; );
  };
  soon(slow);
  expect(woken).toEqual(['slow']);
  const second = new Promise<void>((resolve) => {
    const wake = (): void => {
      woken.push('second');
      resolve();
    };
    soon(wake);
    soon(wake);
  });
  expect(woken).toEqual(['slow']);
  await second;
  expect(woken).toEqual(['slow', 'second']);
});
