import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyServerSide, builtinSchema, type KubeObject, trackUpdate } from './index.ts';
import { apiVersion, apply, entry, stored, times, update, web } from './managed-fields.testing.ts';

describe('a real Deployment', () => {
  const deploymentSchema = builtinSchema('apps/v1', 'Deployment') ?? {};
  const deployment = (image: string, replicas?: number): KubeObject => ({
    apiVersion,
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'a', labels: { app: 'web' } },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            {
              name: 'app',
              image,
              ports: [{ containerPort: 80 }],
              env: [{ name: 'A', value: '1' }],
              args: ['--x'],
              resources: { limits: { cpu: '1' } },
            },
          ],
          volumes: [{ name: 'v', emptyDir: {} }],
        },
      },
    },
  });

  it('is owned as kube-apiserver says', () => {
    const applied = applyServerSide({
      live: undefined,
      applied: deployment('app:1', 2),
      manager: 'kubectl',
      force: false,
      schema: deploymentSchema,
      apiVersion,
      now: times[0],
    });
    expect(applied.metadata.managedFields?.[0]?.fieldsV1).toEqual({
      'f:metadata': { 'f:labels': { 'f:app': {} } },
      'f:spec': {
        'f:replicas': {},
        'f:selector': {},
        'f:template': {
          'f:metadata': { 'f:labels': { 'f:app': {} } },
          'f:spec': {
            'f:containers': {
              'k:{"name":"app"}': {
                '.': {},
                'f:args': {},
                'f:env': { 'k:{"name":"A"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
                'f:image': {},
                'f:name': {},
                'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
                'f:resources': { 'f:limits': { 'f:cpu': {} } },
              },
            },
            'f:volumes': { 'k:{"name":"v"}': { '.': {}, 'f:emptyDir': {}, 'f:name': {} } },
          },
        },
      },
    });
  });

  it('survives the move from client-side apply, as kubectl makes it', () => {
    const base = deployment('app:1', 2);
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(base) };
    const defaulted: KubeObject = {
      ...base,
      metadata: { ...base.metadata, annotations },
      spec: { ...base.spec, strategy: { type: 'RollingUpdate' }, revisionHistoryLimit: 10 },
    };
    const write = { schema: deploymentSchema, apiVersion, now: times[0] };
    const managedFields = trackUpdate({
      ...write,
      old: undefined,
      updated: defaulted,
      manager: 'kubectl-client-side-apply',
    });
    // kubectl itself turns the client-side entry into one of an apply.
    const moved = managedFields?.map((entry) => ({ ...entry, manager: 'kubectl', operation: 'Apply' as const }));
    const live = stored({ ...defaulted, metadata: { ...defaulted.metadata, managedFields: moved } });
    const applied = applyServerSide({
      ...write,
      live,
      applied: deployment('app:2', 3),
      manager: 'kubectl',
      force: false,
    });
    expect(applied.spec).toEqual(deployment('app:2', 3).spec);
    expect(applied.metadata).toMatchObject({ name: 'web', namespace: 'a', uid: 'u1', labels: { app: 'web' } });
    expect(applied.metadata.managedFields).toHaveLength(1);
  });

  it('is merged thousands of times a second', () => {
    let live: KubeObject | undefined;
    const start = performance.now();
    for (let i = 0; i < 1000; i++) {
      const applied = deployment(`app:${i}`, 2);
      live = applyServerSide({
        live,
        applied,
        manager: 'me',
        force: false,
        schema: deploymentSchema,
        apiVersion,
        now: times[0],
      });
    }
    expect(live?.spec).toMatchObject({ template: { spec: { containers: [{ image: 'app:999' }] } } });
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('laws of server-side apply', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const containers = fc.uniqueArray(
    fc.record(
      { name, image: fc.constantFrom('x:1', 'x:2'), args: fc.array(name, { maxLength: 2 }) },
      { requiredKeys: ['name'] },
    ),
    { selector: (item) => item.name, maxLength: 3 },
  );
  const spec = fc.record(
    {
      replicas: fc.integer({ min: 0, max: 2 }),
      paused: fc.boolean(),
      selector: fc.dictionary(name, name),
      containers,
      strategy: fc.record({ type: name, surge: name }, { requiredKeys: [] }),
      anything: fc.jsonValue({ maxDepth: 2 }).map((value) => ({ value })),
    },
    { requiredKeys: [] },
  );

  it('a creator owns what differs from an empty object', () => {
    const metadata = fc.record(
      { labels: fc.dictionary(name, name), finalizers: fc.array(name, { maxLength: 3 }) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(spec, metadata, (created, given) => {
        const object = web(created, given);
        const empty = { ...object, metadata: {} as KubeObject['metadata'], spec: undefined };
        const text = (old: KubeObject | undefined): string => JSON.stringify(update(old, object, 'a'));
        expect(text(undefined)).toBe(text(empty));
      }),
    );
  });

  it('applying the same again changes nothing', () => {
    fc.assert(
      fc.property(spec, spec, (before, applied) => {
        const live = update(undefined, web(before), 'other', times[0]);
        const once = apply(live, web(applied), 'me', { force: true });
        expect(apply(once, web(applied), 'me', { now: times[3] })).toEqual(once);
      }),
    );
  });

  it('every applied leaf is in the result', () => {
    fc.assert(
      fc.property(spec, spec, (before, applied) => {
        const live = update(undefined, web(before), 'other', times[0]);
        const result = apply(live, web(applied), 'me', { force: true });
        for (const key of ['replicas', 'paused'] as const) {
          if (applied[key] !== undefined) expect(result.spec?.[key]).toEqual(applied[key]);
        }
      }),
    );
  });

  it('dropping everything restores what others own', () => {
    fc.assert(
      fc.property(spec, spec, (before, applied) => {
        const live = update(undefined, web(before), 'other', times[0]);
        const fresh = Object.fromEntries(Object.entries(applied).filter(([key]) => !Object.hasOwn(before, key)));
        const added = apply(live, web(fresh), 'me');
        const dropped = apply(added, { ...web({}), spec: undefined }, 'me');
        expect(entry(dropped, 'me')).toBeUndefined();
        for (const [key, value] of Object.entries(before)) expect(dropped.spec?.[key]).toEqual(value);
      }),
    );
  });
});
