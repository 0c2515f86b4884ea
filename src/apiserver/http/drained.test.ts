import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { drained } from './drained.ts';

test('a client that reads nothing is not waited for beyond the end of its watch', async () => {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  response.write('x'.repeat(1024 * 1024));
  const over = new AbortController();
  const waiting = drained(response, over.signal);
  over.abort();
  await waiting;
  await drained(response, over.signal);
  expect(response.listenerCount('drain') + response.listenerCount('close')).toBe(0);
});
