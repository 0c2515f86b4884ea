import { deepFreeze, type Transport } from '../client/index.ts';

/** A transport whose objects nobody can change in place: whoever tries fails at that line, not somewhere else and later. */
export function frozen(transport: Transport): Transport {
  return {
    request: async (request) => deepFreeze(await transport.request(request)),
    async *watch(request) {
      for await (const event of transport.watch(request)) yield deepFreeze(event);
    },
  };
}
