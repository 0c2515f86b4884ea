import { describe, expect, it } from 'vitest';
import type { Client, ListOptions } from '../client/index.ts';
import { ApiError, type KubeObject, type Resource } from '../machinery/index.ts';
import { app, crashed, make, wrongImage } from './fixtures.ts';
import { clientSource, diagnose, findTroubles, renderTroubles } from './index.ts';

const now = new Date('2024-05-01T10:05:00Z');
const of = (group: string, resource: string, kind: string, namespaced = true): Resource => ({
  ...{ group, version: 'v1', resource, kind, namespaced },
});
const resources = [
  of('', 'pods', 'Pod'),
  of('', 'services', 'Service'),
  of('', 'events', 'Event'),
  of('', 'nodes', 'Node', false),
  of('apps', 'deployments', 'Deployment'),
  of('apps', 'replicasets', 'ReplicaSet'),
  of('acme.dev', 'claims', 'Claim'),
];

/** A client of some objects that notes what is listed and may not list some resources. */
function clientOf(objects: readonly KubeObject[], forbidden: readonly string[] = []) {
  const listed: string[] = [];
  const refuse = (resource: Resource) => {
    if (forbidden.includes(resource.resource)) throw new ApiError(403, 'Forbidden', 'no');
  };
  const client = {
    resourceFor: async (_apiVersion: string, kind: string) => resources.find((resource) => resource.kind === kind),
    find: async (resource: Resource, { name }: { name: string }) => {
      refuse(resource);
      return objects.find((object) => object.kind === resource.kind && object.metadata.name === name);
    },
    list: async (resource: Resource, { namespace, fieldSelector }: ListOptions = {}) => {
      if (!fieldSelector) listed.push(`${resource.resource} ${namespace ?? '*'}`);
      refuse(resource);
      const items = objects.filter(
        ({ kind, metadata }) => kind === resource.kind && (!namespace || metadata.namespace === namespace),
      );
      return { items: resource.kind === 'Event' ? [] : items, metadata: { resourceVersion: '1' } };
    },
    logs: async () => {
      refuse(of('', 'pods/log', ''));
      return 'starting\nno database\n';
    },
  } as unknown as Client;
  return { client, listed };
}

const service = make('v1', 'Service', 'silly-demo', { spec: { selector: { app: 'silly-demo' } } });
const lost = make('v1', 'Service', 'lost', { spec: { selector: { app: 'nobody' } } });
const claim = make('acme.dev/v1', 'Claim', 'db', {
  metadata: { namespace: 'b-team' },
  status: { conditions: [{ type: 'Ready', status: 'Unknown', message: 'creating' }] },
});
const node = make('v1', 'Node', 'one', {
  metadata: { namespace: undefined },
  status: { conditions: [{ type: 'Ready', status: 'False', message: 'its agent is silent', reason: 'Dead' }] },
});

describe('findTroubles', () => {
  const objects = [...app(wrongImage).all, service, lost, claim, node];

  it('reports the roots of a namespace that are not healthy, each fault once', async () => {
    const { client } = clientOf(objects);
    const { found, looked, hidden } = await findTroubles({ client, resources, namespace: 'a-team', now });
    expect(renderTroubles(found, { now, namespaces: false }).split('\n')).toEqual([
      expect.stringMatching(/^✗ Deployment\/silly-demo: image .* does not exist: .* \(fixable by you, for 4m53s\)$/),
      '✗ Service/lost: service lost selects no pods (app=nobody): change spec.selector (fixable by you, for 5m)',
    ]);
    expect({ looked, hidden }).toEqual({ looked: 5, hidden: [] });
  });

  it('reports the whole cluster, urgent things first, and lists each resource once', async () => {
    const { client, listed } = clientOf(objects);
    const { found } = await findTroubles({ client, resources, now });
    expect(found.map(({ object }) => object.kind)).toEqual(['Node', 'Deployment', 'Service', 'Claim']);
    expect(renderTroubles(found, { now, namespaces: true }).split('\n').at(-1)).toBe(
      '… Claim/db in b-team: not ready yet: creating (for 5m)',
    );
    expect(listed.sort()).toEqual([
      ...['claims *', 'deployments *', 'nodes *', 'pods *', 'replicasets *', 'services *'],
    ]);
  });

  it('says what it could not see, and reports what is owned by that itself', async () => {
    const { client } = clientOf(objects, ['deployments', 'replicasets']);
    const { found, hidden } = await findTroubles({ client, resources, namespace: 'a-team', now });
    expect(hidden).toEqual(['deployments.apps', 'replicasets.apps']);
    expect(found.map(({ object }) => object.kind)).toEqual(['Pod', 'Service']);
  });
});

describe('the last words of a program', () => {
  const { deployment, all } = app({ containerStatus: crashed({ exitCode: 1, message: 'left behind.' }) });
  const ask = (forbidden: string[]) => {
    const { client } = clientOf(all, forbidden);
    return diagnose({ object: deployment, source: clientSource({ client, resources }), now });
  };

  it('come from its log', async () => {
    expect((await ask([])).cause).toBe(
      'the program in container main ended with exit code 1 (3 times); its last words: starting / no database',
    );
  });

  it('are its termination message, or missing, where logs and Events may not be read', async () => {
    expect((await ask(['pods/log', 'events'])).cause).toBe(
      'the program in container main ended with exit code 1 (3 times); its last words: left behind',
    );
  });
});
