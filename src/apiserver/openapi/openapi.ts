import { apiVersionOfResource } from '../../machinery/index.ts';
import type { ServedResource } from '../contracts.ts';
import { kubernetesVersion } from '../discovery.ts';
import { admits, digest, documentOf, mediaRanges, type ServedDocument } from '../documents.ts';
import { openApiV2, openApiV3 } from './documents.ts';
import { encodeOpenApiV2 } from './gnostic.ts';

/** Answers /openapi/v3, /openapi/v3/… and /openapi/v2. */
export interface OpenApi {
  /** Takes the resources that are served from now on. Nothing is built before it is asked for. */
  update(resources: readonly ServedResource[]): void;
  /** The document at a path, or undefined when there is none (404). */
  reply(path: string, accept: string | undefined): ServedDocument | undefined;
}

interface GroupVersion {
  readonly resources: readonly ServedResource[];
  /** Changes when the document would. */
  readonly hash: string;
  document?: ServedDocument;
}

/** What the answer is called; a name with an @, which clients ask for, is not a valid media type (RFC 6838, 4.2). */
const PROTOBUF_V2 = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const PROTOBUF_V2_NAMES = ['application/com.github.proto-openapi.spec.v2@v1.0+protobuf', PROTOBUF_V2];

/** OpenAPI documents over a changing set of resources, built when first asked for and kept until they change. */
export function createOpenApi(): OpenApi {
  let versions = new Map<string, GroupVersion>();
  let all: readonly ServedResource[] = [];
  let whole = new Map<string, ServedDocument>();

  const cached = (key: string, build: () => ServedDocument): ServedDocument => {
    const document = whole.get(key) ?? build();
    whole.set(key, document);
    return document;
  };
  return {
    update(resources) {
      all = resources;
      versions = groupVersions(resources, versions);
      whole = new Map();
    },
    reply(path, accept) {
      if (path === '/openapi/v2') return replyV2(accept, all, cached);
      if (path === '/openapi/v3' || path === '/openapi/v3/') return cached('v3', () => index(versions));
      if (!path.startsWith('/openapi/v3/')) return undefined;
      const version = versions.get(path.slice('/openapi/v3/'.length));
      if (!version) return undefined;
      version.document ??= documentOf('application/json', JSON.stringify(openApiV3(version.resources)));
      return version.document;
    },
  };
}

function replyV2(
  accept: string | undefined,
  resources: readonly ServedResource[],
  cached: (key: string, build: () => ServedDocument) => ServedDocument,
): ServedDocument {
  const protobuf = mediaRanges(accept).find((range) => {
    return PROTOBUF_V2_NAMES.includes(range.type) || admits(range, 'application/json');
  });
  if (protobuf && PROTOBUF_V2_NAMES.includes(protobuf.type)) {
    return cached('v2 protobuf', () => documentOf(PROTOBUF_V2, encodeOpenApiV2(openApiV2(resources))));
  }
  return cached('v2', () => documentOf('application/json', JSON.stringify(openApiV2(resources))));
}

/** The resources by the name that the index gives their group-version: 'api/v1', 'apis/apps/v1'. */
function groupVersions(
  resources: readonly ServedResource[],
  known: ReadonlyMap<string, GroupVersion>,
): Map<string, GroupVersion> {
  const byVersion = Map.groupBy(resources, (resource) => {
    return `${resource.group === '' ? 'api' : 'apis'}/${apiVersionOfResource(resource)}`;
  });
  const names = [...byVersion.keys()].sort();
  return new Map(
    names.map((name): [string, GroupVersion] => {
      const own = byVersion.get(name) ?? [];
      const hash = digest(own.map(fingerprint).sort().join());
      const before = known.get(name);
      return [name, before?.hash === hash ? before : { resources: own, hash }];
    }),
  );
}

const fingerprints = new WeakMap<ServedResource, string>();

/** A digest of what a resource adds to a document. Built-in schemas change only with the version. */
function fingerprint(resource: ServedResource): string {
  const known = fingerprints.get(resource);
  if (known) return known;
  const { group, version, resource: plural, kind, verbs, subresources, custom } = resource;
  // A CRD's schema need not be read for this.
  const schema = custom ? (resource.fingerprint ?? resource.schema) : kubernetesVersion.gitVersion;
  const made = digest(JSON.stringify({ group, version, plural, kind, verbs, subresources, schema }));
  fingerprints.set(resource, made);
  return made;
}

function index(versions: ReadonlyMap<string, GroupVersion>): ServedDocument {
  const paths = Object.fromEntries(
    [...versions].map(([name, { hash }]) => [name, { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` }]),
  );
  return documentOf('application/json', JSON.stringify({ paths }));
}
