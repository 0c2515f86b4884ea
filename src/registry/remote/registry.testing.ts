import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { media } from '../oci.ts';
import { type TarEntry, tarEnd, tarHeader, tarPadding } from '../tar-write.ts';

export const digestOf = (bytes: Buffer | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Answers a request in its own way, or leaves it to the registry with false. */
export type Twist = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** A registry that serves what it is given, and whose manners a test decides. */
export interface TestRegistry {
  /** 'localhost:PORT' */
  domain: string;
  blobs: Map<string, Buffer>;
  /** By 'REPOSITORY TAG-OR-DIGEST'. */
  manifests: Map<string, { mediaType: string; bytes: Buffer }>;
  /** 'METHOD PATH' of all requests so far. */
  requests: string[];
  /** Is asked first. */
  twist: Twist;
  /** Adds a document as a manifest, by tag and by digest. @returns its descriptor */
  manifest(
    repository: string,
    tag: string,
    document: object,
    mediaType?: string,
  ): { mediaType: string; digest: string; size: number };
  blob(bytes: Buffer): string;
  /** Adds an image of layers, each a tar archive. */
  image(
    repository: string,
    tag: string,
    layers: readonly Buffer[],
    options?: ImageOptions,
  ): { mediaType: string; digest: string; size: number };
  stop(): Promise<void>;
}

export interface ImageOptions {
  config?: object;
  architecture?: string;
  /** How each layer is compressed. Default gzip. */
  compress?: (archive: Buffer) => Buffer;
  layerType?: string;
  manifestType?: string;
}

export const goArchitecture = { x64: 'amd64', ia32: '386' }[process.arch as string] ?? process.arch;

export async function startTestRegistry(): Promise<TestRegistry> {
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const registry: TestRegistry = {
    domain: `localhost:${(server.address() as AddressInfo).port}`,
    blobs: new Map(),
    manifests: new Map(),
    requests: [],
    twist: () => false,
    blob(bytes) {
      registry.blobs.set(digestOf(bytes), bytes);
      return digestOf(bytes);
    },
    manifest(repository, tag, document, mediaType = media.manifest) {
      const bytes = Buffer.from(JSON.stringify(document));
      const digest = digestOf(bytes);
      for (const name of [tag, digest]) registry.manifests.set(`${repository} ${name}`, { mediaType, bytes });
      return { mediaType, digest, size: bytes.length };
    },
    image(repository, tag, layers, options = {}) {
      const { compress = gzipSync, layerType = media.layer, manifestType = media.manifest } = options;
      const configuration = Buffer.from(
        JSON.stringify({
          architecture: options.architecture ?? goArchitecture,
          os: 'linux',
          config: options.config ?? { Cmd: ['true'] },
          rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
        }),
      );
      const descriptor = (mediaType: string, bytes: Buffer) => ({
        mediaType,
        digest: registry.blob(bytes),
        size: bytes.length,
      });
      const document = {
        schemaVersion: 2,
        mediaType: manifestType,
        config: descriptor(media.config, configuration),
        layers: layers.map((layer) => descriptor(layerType, compress(layer))),
      };
      return registry.manifest(repository, tag, document, manifestType);
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    registry.requests.push(`${request.method} ${request.url}`);
    if (await registry.twist(request, response)) return;
    const [, repository = '', kind = '', reference = ''] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(request.url ?? '') ?? [];
    const manifest = kind === 'manifests' ? registry.manifests.get(`${repository} ${reference}`) : undefined;
    const bytes = manifest?.bytes ?? (kind === 'blobs' ? registry.blobs.get(reference) : undefined);
    if (!bytes) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-type': manifest?.mediaType ?? 'application/octet-stream',
      'content-length': bytes.length - from,
      'docker-content-digest': digestOf(bytes),
      ...(from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : bytes.subarray(from));
  }
  return registry;
}

export type Member = Partial<TarEntry> & { name: string; content?: string | Buffer; flag?: string };

/** A tar archive of members; `flag` forges the type. */
export function tarOf(members: readonly Member[]): Buffer {
  const parts = members.flatMap(({ content = '', flag, ...entry }) => {
    const body = Buffer.from(content);
    const type = entry.name.endsWith('/') ? 'directory' : 'file';
    const header = tarHeader({ type, mode: type === 'directory' ? 0o755 : 0o644, ...entry, size: body.length });
    return [flag ? forge(header, flag) : header, body, tarPadding(body.length)];
  });
  return Buffer.concat([...parts, tarEnd()]);
}

function forge(header: Buffer, flag: string): Buffer {
  const at = header.length - 512;
  header.write(flag, at + 156, 'latin1');
  header.write('        ', at + 148, 'latin1');
  const sum = header.subarray(at).reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
  return header;
}
