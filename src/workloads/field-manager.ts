import type { Client } from '../client/index.ts';

/** The client, with a name for the writes through it: the one that managedFields show (upstream takes it from the user agent). */
export function withFieldManager(client: Client, fieldManager: string): Client {
  return {
    ...client,
    create: (resource, object, options) => client.create(resource, object, { fieldManager, ...options }),
    update: (resource, object, options) => client.update(resource, object, { fieldManager, ...options }),
    patch: (resource, key, type, patch, options) =>
      client.patch(resource, key, type, patch, { fieldManager, ...options }),
  };
}
