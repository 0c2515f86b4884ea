import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { registryDomain } from '../reference.ts';
import { isLocalName } from '../remote/endpoint.ts';
import type { ImageStore } from '../store.ts';
import { beginUpload, continueUpload, deleteBlob, finishUpload, serveBlob, showUpload } from './blobs-api.ts';
import { DistributionError } from './distribution-error.ts';
import { listReferrers, listRepositories, listTags } from './lists-api.ts';
import { deleteManifest, putManifest, serveManifest } from './manifests-api.ts';
import { openRepositories, type Repositories } from './repositories.ts';
import { type Route, routeOf } from './route.ts';
import { createUploads, type Uploads } from './uploads.ts';

/** The embedded registry while it runs. */
export interface RegistryServer {
  readonly port: number;
  /** 'registry.localhost:5000': what stands before the name of an image. */
  readonly domain: string;
  stop(): Promise<void>;
}

/**
 * Serves the store as a registry (distribution-spec v1.1) on this machine alone: what is pushed lies in the store as what
 * was built, and runs from there. Anybody on this machine may push; pages in a browser may not ask.
 * @param port a free one is taken when it is in use or 0
 */
export async function startRegistry(store: ImageStore, port: number): Promise<RegistryServer> {
  const context = { store, repositories: openRepositories(store), uploads: createUploads(store.dir) };
  const server = createServer((request, response) => {
    answer(context, request, response).catch((error: Error) => refuse(error, request, response));
  });
  // A layer may take as long as it takes; a connection that says nothing may not.
  server.requestTimeout = 0;
  server.headersTimeout = 30_000;
  await listen(server, port).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    return listen(server, 0);
  });
  const taken = (server.address() as AddressInfo).port;
  return {
    port: taken,
    domain: `${registryDomain}:${taken}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

interface Context {
  store: ImageStore;
  repositories: Repositories;
  uploads: Uploads;
}

async function answer(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('docker-distribution-api-version', 'registry/2.0');
  checkCaller(request);
  // As it stands: a URL's own rules would make another path of one with '..' in it.
  const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
  const route = routeOf(path);
  if (!route) throw new DistributionError('NAME_UNKNOWN', `${path} is no path of the registry's API`);
  // Which handlers go with which routes is in the type of the table; here one of each is taken together.
  const handler = handlers[route.kind][request.method ?? ''] as ((asked: Asked & Route) => unknown) | undefined;
  if (!handler) {
    const allow = Object.keys(handlers[route.kind]).join(', ');
    throw new DistributionError('UNSUPPORTED', `${request.method} is not possible here`, { allow });
  }
  await handler({ ...context, ...route, query: new URLSearchParams(query), request, response });
}

/**
 * A page from anywhere can make a browser ask on this machine, also under a name of its own that leads here. No registry
 * client sends an Origin, and all name this machine.
 */
function checkCaller({ headers }: IncomingMessage): void {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  if (!isLocalName(host)) throw new DistributionError('DENIED', `this registry is not ${JSON.stringify(host)}`);
  if (headers.origin !== undefined) throw new DistributionError('DENIED', 'pages in a browser may not ask here');
}

type Asked = Context & { query: URLSearchParams; request: IncomingMessage; response: ServerResponse };

type Handlers = {
  [Kind in Route['kind']]: Partial<Record<string, (asked: Asked & Extract<Route, { kind: Kind }>) => unknown>>;
};

const serveOne: Handlers['blob'][''] = ({ store, digest, request, response }) =>
  serveBlob(store, digest, request, response);

const handlers: Handlers = {
  base: {
    GET: ({ response }) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
  },
  catalog: { GET: ({ repositories, query, response }) => listRepositories(repositories, query, response) },
  tags: {
    GET: ({ repositories, repository, query, response }) => listTags(repositories, repository, query, response),
  },
  blob: {
    GET: serveOne,
    HEAD: serveOne,
    DELETE: ({ store, digest, response }) => deleteBlob(store, digest, response),
  },
  uploads: { POST: beginUpload },
  upload: {
    GET: showUpload,
    PATCH: continueUpload,
    PUT: finishUpload,
    async DELETE({ uploads, id, response }) {
      await uploads.cancel(id);
      response.writeHead(204).end();
    },
  },
  manifest: { GET: serveManifest, HEAD: serveManifest, PUT: putManifest, DELETE: deleteManifest },
  referrers: {
    GET: ({ repositories, query, response, ...of }) => listReferrers(repositories, of, query, response),
  },
};

function refuse(error: Error, request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const known = error instanceof DistributionError ? error : undefined;
  const headers = { 'content-type': 'application/json', ...known?.headers };
  // The rest of a body goes unread: the connection cannot be used again.
  request.resume();
  if (request.complete) response.writeHead(known?.status ?? 500, headers);
  else response.writeHead(known?.status ?? 500, { ...headers, connection: 'close' });
  const body = known?.body ?? JSON.stringify({ errors: [{ code: 'UNKNOWN', message: error.message }] });
  response.end(request.method === 'HEAD' ? undefined : body);
}
