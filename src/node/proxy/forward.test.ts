import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { connectAny, join } from './forward.ts';

test('a client that went while the connection onward was made leaves none open', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target = { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { socket: client } = await connectAny([target]);
  const [atServer] = await accepted;
  const { socket: onward } = await connectAny([target]);
  client.destroy();
  atServer.destroy();
  await once(atServer, 'close');
  join(atServer, onward);
  expect(onward.destroyed).toBe(true);
  server.close();
});
