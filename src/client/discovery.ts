import type { Resource } from '../machinery/index.ts';
import { apiVersionOf, groupOf, isReason, versionOf } from '../machinery/index.ts';
import type { Client, Discovered, DiscoveredResource } from './client.ts';
import type { Transport } from './transport.ts';

/** meta/v1 APIResourceList, as far as it is read here. */
interface ResourceListAnswer {
  resources?: {
    name: string;
    singularName?: string;
    shortNames?: string[];
    kind: string;
    namespaced: boolean;
    verbs?: string[];
  }[];
}

/** meta/v1 APIGroupList, as far as it is read here. */
interface GroupListAnswer {
  groups?: {
    name: string;
    versions: { version: string }[];
    preferredVersion?: { version: string };
  }[];
}

interface CachedGroupVersion {
  byKind: Map<string, Resource>;
  /** When it was last found to lack a kind, in milliseconds of the monotonic clock. */
  missedAt?: number;
}

/** How long an answer that lacks a kind is believed, in milliseconds: a CRD may be installed at any time. */
const missLifetime = 1000;

/** Looks up which resource serves a kind, asking each group-version once and again (at most every second) on a miss. */
export function createDiscovery(transport: Transport): Pick<Client, 'resourceFor' | 'discover'> {
  const known = new Map<string, CachedGroupVersion>();
  const asking = new Map<string, Promise<CachedGroupVersion>>();

  async function ask(apiVersion: string): Promise<CachedGroupVersion> {
    const resources = await resourcesOf(transport, apiVersion);
    const answer = { byKind: new Map(resources.map((each) => [each.kind, toResource(each)])) };
    known.set(apiVersion, answer);
    return answer;
  }

  function askOnce(apiVersion: string): Promise<CachedGroupVersion> {
    const pending = asking.get(apiVersion);
    if (pending) return pending;
    const started = ask(apiVersion).finally(() => asking.delete(apiVersion));
    asking.set(apiVersion, started);
    return started;
  }

  return {
    async resourceFor(apiVersion, kind) {
      const cached = known.get(apiVersion);
      const hit = cached?.byKind.get(kind);
      if (hit) return hit;
      if (cached?.missedAt !== undefined && performance.now() - cached.missedAt < missLifetime) return undefined;
      const fresh = await askOnce(apiVersion);
      const found = fresh.byKind.get(kind);
      if (!found) fresh.missedAt = performance.now();
      return found;
    },
    discover: () => discoverAll(transport),
  };
}

function toResource({ group, version, resource, kind, namespaced }: DiscoveredResource): Resource {
  return { group, version, resource, kind, namespaced };
}

/** The resources (no subresources) of a group-version; none if it is not served. */
async function resourcesOf(transport: Transport, apiVersion: string): Promise<DiscoveredResource[]> {
  const group = groupOf(apiVersion);
  const version = versionOf(apiVersion);
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  let answer: ResourceListAnswer;
  try {
    answer = (await transport.request({ method: 'GET', path })) as ResourceListAnswer;
  } catch (error) {
    if (isReason(error, 'NotFound')) return [];
    throw error;
  }
  return (answer.resources ?? [])
    .filter(({ name }) => !name.includes('/'))
    .map(({ name, singularName = '', shortNames = [], kind, namespaced, verbs = [] }) => ({
      ...{ group, version, resource: name, kind, namespaced, verbs },
      names: [name, singularName, ...shortNames],
    }));
}

async function discoverAll(transport: Transport): Promise<Discovered> {
  const { groups = [] } = (await transport.request({ method: 'GET', path: '/apis' })) as GroupListAnswer;
  const groupVersions = ['v1'];
  for (const { name, versions, preferredVersion } of groups) {
    const ordered = new Set([preferredVersion?.version, ...versions.map((each) => each.version)]);
    for (const version of ordered) if (version) groupVersions.push(apiVersionOf(name, version));
  }
  const answers = await Promise.allSettled(groupVersions.map((each) => resourcesOf(transport, each)));
  const found = new Map<string, DiscoveredResource>();
  const failures: Discovered['failures'] = [];
  for (const [index, answer] of answers.entries()) {
    if (answer.status === 'rejected') {
      const error = answer.reason instanceof Error ? answer.reason : new Error(String(answer.reason));
      failures.push({ groupVersion: groupVersions[index] ?? '', error });
      continue;
    }
    // Group-versions come with the preferred one first, so the first to name a resource decides its version.
    for (const each of answer.value) {
      const key = `${each.group}/${each.resource}`;
      if (!found.has(key)) found.set(key, each);
    }
  }
  return { resources: [...found.values()], failures };
}
