import { createDiscovery } from '../discovery.ts';
import type { ServedDocument } from '../documents.ts';
import { createOpenApi } from '../openapi/openapi.ts';
import type { Registry } from '../registry/registry.ts';

/** Discovery and OpenAPI over what the registry serves at the moment. */
export interface Documents {
  reply(path: string, accept: string | undefined): ServedDocument | undefined;
}

/** @param address host and port under which clients reach the server. */
export function createDocuments(registry: Registry, address: string): Documents {
  const discovery = createDiscovery(address);
  const openApi = createOpenApi();
  let generation = -1;
  return {
    reply(path, accept) {
      if (generation !== registry.generation) {
        generation = registry.generation;
        const resources = [...registry.all()].map(({ served }) => served);
        discovery.update(resources);
        openApi.update(resources);
      }
      const clean = path.length > 1 && path.endsWith('/') && path !== '/openapi/v3/' ? path.slice(0, -1) : path;
      return clean.startsWith('/openapi/') ? openApi.reply(clean, accept) : discovery.reply(clean, accept);
    },
  };
}
