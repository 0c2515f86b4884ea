import { describe, expect, it } from 'vitest';
import { apiVersion, apply, entry, errorOf, stored, times, update, web } from './managed-fields.testing.ts';

describe('applying', () => {
  it('owns what it applies, in FieldsV1, and nothing that identifies the object', () => {
    const object = apply(
      undefined,
      web(
        {
          replicas: 2,
          selector: { app: 'web' },
          containers: [{ name: 'app', image: 'a:1', ports: [{ containerPort: 80 }] }],
        },
        { labels: { app: 'web' }, finalizers: ['x.io/f'] },
      ),
      'me',
    );
    expect(object.metadata.managedFields).toEqual([
      {
        manager: 'me',
        operation: 'Apply',
        apiVersion,
        time: times[1],
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:finalizers': { 'v:"x.io/f"': {} }, 'f:labels': { 'f:app': {} } },
          'f:spec': {
            'f:containers': {
              'k:{"name":"app"}': {
                '.': {},
                'f:image': {},
                'f:name': {},
                'f:ports': {
                  'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
                },
              },
            },
            'f:replicas': {},
            'f:selector': {},
          },
        },
      },
    ]);
  });

  it('changes nothing when applied again, times included', () => {
    const first = apply(undefined, web({ replicas: 2, containers: [{ name: 'app', image: 'a:1' }] }), 'me');
    const again = apply(first, web({ replicas: 2, containers: [{ name: 'app', image: 'a:1' }] }), 'me', {
      now: times[3],
    });
    expect(again).toEqual(first);
  });

  it('is refused with a cause for each field that another manager owns', () => {
    const live = update(
      undefined,
      web({ replicas: 2, containers: [{ name: 'app', image: 'a:1' }] }),
      'kubectl-client-side-apply',
    );
    const one = errorOf(() => apply(live, web({ replicas: 3 }), 'me'));
    expect(one).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "kubectl-client-side-apply" using apps/v1',
            field: '.spec.replicas',
          },
        ],
      },
    });
    const two = errorOf(() => apply(live, web({ replicas: 3, containers: [{ name: 'app', image: 'a:2' }] }), 'me'));
    expect(two.message).toBe(
      'Apply failed with 2 conflicts: conflicts with "kubectl-client-side-apply" using apps/v1:\n' +
        '- .spec.replicas\n- .spec.containers[name="app"].image',
    );
  });

  it('takes the fields by force', () => {
    const live = update(undefined, web({ replicas: 2, paused: true }), 'other');
    const forced = apply(live, web({ replicas: 3 }), 'me', { force: true });
    expect(forced.spec).toEqual({ replicas: 3, paused: true });
    expect(entry(forced, 'other')?.fieldsV1).toEqual({ 'f:spec': { '.': {}, 'f:paused': {} } });
    expect(entry(forced, 'me')?.fieldsV1).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });

  it('shares fields of equal value, and removes one only when its last owner drops it', () => {
    const one = apply(undefined, web({ replicas: 2, paused: true }), 'one');
    const both = apply(one, web({ replicas: 2 }), 'two');
    const oneDropped = apply(both, web({ paused: true }), 'one');
    expect(oneDropped.spec).toEqual({ replicas: 2, paused: true });
    const twoDropped = apply(oneDropped, web({}), 'two');
    expect(twoDropped.spec).toEqual({ paused: true });
    expect(entry(twoDropped, 'two')?.fieldsV1).toEqual({ 'f:spec': {} });
  });

  it('keeps a dropped field that an update set', () => {
    const mine = apply(undefined, web({ replicas: 2, paused: true }), 'me');
    const scaled = update(mine, { ...mine, spec: { replicas: 5, paused: true } }, 'scaler');
    expect(apply(scaled, web({ paused: true }), 'me').spec).toEqual({ replicas: 5, paused: true });
  });

  it('removes list items and struct fields that it no longer applies', () => {
    const spec = {
      containers: [
        { name: 'a', image: 'x' },
        { name: 'b', image: 'y' },
      ],
      strategy: { type: 'Recreate' },
    };
    const first = apply(undefined, web(spec), 'me');
    const second = apply(first, web({ containers: [{ name: 'b', image: 'y' }] }), 'me');
    expect(second.spec).toEqual({ containers: [{ name: 'b', image: 'y' }] });
  });

  it('merges associative lists: applied order, live items in their places', () => {
    const live = update(
      undefined,
      web({ containers: [{ name: 'sidecar' }, { name: 'a' }, { name: 'tail' }, { name: 'b' }] }),
      'x',
    );
    const merged = apply(live, web({ containers: [{ name: 'b' }, { name: 'new' }, { name: 'a' }] }), 'me');
    const names = ((merged.spec?.['containers'] ?? []) as { name: string }[]).map(({ name }) => name);
    expect(names.filter((name) => ['b', 'new', 'a'].includes(name))).toEqual(['b', 'new', 'a']);
    expect(new Set(names)).toEqual(new Set(['sidecar', 'a', 'tail', 'b', 'new']));
  });

  it('treats atomic lists and maps as one field', () => {
    const live = apply(undefined, web({ selector: { a: '1' }, containers: [{ name: 'a', args: ['x', 'y'] }] }), 'one');
    const conflict = errorOf(() =>
      apply(live, web({ selector: { b: '2' }, containers: [{ name: 'a', args: ['z'] }] }), 'two'),
    );
    expect(conflict.details?.causes?.map((cause) => [cause.field, cause.message])).toEqual([
      ['.spec.selector', 'conflict with "one"'],
      ['.spec.containers[name="a"].args', 'conflict with "one"'],
    ]);
  });

  it('merges what has no schema by its shape', () => {
    const live = apply(undefined, web({ anything: { a: { b: 1 }, list: [1] } }), 'one');
    const merged = apply(live, web({ anything: { a: { c: 2 } } }), 'two');
    expect(merged.spec).toEqual({ anything: { a: { b: 1, c: 2 }, list: [1] } });
    expect(entry(merged, 'two')?.fieldsV1).toEqual({ 'f:spec': { 'f:anything': { 'f:a': { '.': {}, 'f:c': {} } } } });
  });

  it('gives what was written before tracking to before-first-apply', () => {
    const live = stored(web({ replicas: 2, paused: true }));
    expect(errorOf(() => apply(live, web({ replicas: 3 }), 'me')).message).toContain(
      '"before-first-apply" using apps/v1',
    );
    const applied = apply(live, web({ replicas: 2 }), 'me');
    expect(entry(applied, 'before-first-apply')?.operation).toBe('Update');
  });

  it('refuses another version, managedFields, duplicates and items without keys', () => {
    const other = { ...web({}), apiVersion: 'apps/v2' };
    expect(errorOf(() => apply(undefined, other, 'me')).message).toBe(
      'Incorrect version specified in apply patch. Specified patch version: apps/v2, expected: apps/v1',
    );
    const managed = web({}, { managedFields: [] });
    expect(errorOf(() => apply(undefined, managed, 'me')).message).toBe('metadata.managedFields must be nil');
    const twice = web({ containers: [{ name: 'a' }, { name: 'a' }] });
    expect(errorOf(() => apply(undefined, twice, 'me'))).toMatchObject({
      code: 500,
      reason: '',
      message:
        'failed to create typed patch object (a/web; apps/v1, Kind=Web): .spec.containers: duplicate entries for key [name="a"]',
    });
    const unnamed = web({ containers: [{ image: 'a' }] });
    expect(errorOf(() => apply(undefined, unnamed, 'me')).message).toContain('omits key field "name"');
  });

  it('keeps the creation time of the live object from a client that sends null', () => {
    const live = apply(undefined, web({ replicas: 1 }), 'me');
    const again = apply(live, web({ replicas: 1 }, { creationTimestamp: null }), 'me');
    expect(again.metadata.creationTimestamp).toBe(times[0]);
  });

  it('distinguishes the managers of a subresource', () => {
    const live = apply(undefined, web({ replicas: 2 }), 'me');
    const status = { ...web({}), status: { ready: 1 } };
    const both = apply(live, status, 'me', { subresource: 'status' });
    expect(both.metadata.managedFields?.map(({ manager, subresource }) => [manager, subresource])).toEqual([
      ['me', undefined],
      ['me', 'status'],
    ]);
    expect(both.spec).toEqual({ replicas: 2 });
  });
});

describe('kubectl moving from client side to server side', () => {
  const lastApplied = web({ replicas: 2, containers: [{ name: 'app', image: 'a:1' }] });
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
  const live = update(
    undefined,
    web(lastApplied.spec ?? {}, { annotations: { [annotation]: JSON.stringify(lastApplied) } }),
    'kubectl-client-side-apply',
  );

  it('may change what it applied last, without force, and keeps the annotation current', () => {
    const applied = web({ replicas: 3, containers: [{ name: 'app', image: 'a:2' }] });
    const moved = apply(live, applied, 'kubectl');
    expect(moved.spec).toEqual(applied.spec);
    expect(JSON.parse(moved.metadata.annotations?.[annotation] ?? '')).toEqual(applied);
  });

  it('may not change what somebody else changed since', () => {
    const scaled = update(live, { ...live, spec: { ...live.spec, replicas: 7 } }, 'scaler');
    const conflict = errorOf(() =>
      apply(scaled, web({ replicas: 3, containers: [{ name: 'app', image: 'a:2' }] }), 'kubectl'),
    );
    expect(conflict.details?.causes?.map((cause) => cause.field)).toEqual(['.spec.replicas']);
    expect(errorOf(() => apply(live, web({ replicas: 3 }), 'someone')).code).toBe(409);
  });
});

describe('updates', () => {
  it('own what they change; an unchanged write keeps entries and times', () => {
    const created = update(undefined, web({ replicas: 1, paused: true }), 'one', times[0]);
    const changed = update(created, { ...created, spec: { replicas: 2, paused: true } }, 'two', times[1]);
    expect(entry(changed, 'one')?.fieldsV1).toEqual({ 'f:spec': { '.': {}, 'f:paused': {} } });
    expect(entry(changed, 'two')).toMatchObject({ time: times[1], fieldsV1: { 'f:spec': { 'f:replicas': {} } } });
    const unchanged = update(changed, { ...changed, spec: { paused: true, replicas: 2 } }, 'three', times[2]);
    expect(unchanged.metadata.managedFields).toEqual(changed.metadata.managedFields);
  });

  it('lose what they remove', () => {
    const created = update(undefined, web({ replicas: 1 }, { labels: { a: 'b' } }), 'one', times[0]);
    const { labels: _, ...metadata } = created.metadata;
    const removed = update(created, { ...created, metadata }, 'two');
    expect(removed.metadata.managedFields).toMatchObject([
      { manager: 'one', fieldsV1: { 'f:spec': { '.': {}, 'f:replicas': {} } } },
    ]);
  });

  it('take managedFields from the client, and reset them by an empty list', () => {
    const created = update(undefined, web({ replicas: 1 }), 'one');
    const renamed = (created.metadata.managedFields ?? []).map((item) => ({ ...item, manager: 'renamed' }));
    const sent = { ...created, metadata: { ...created.metadata, managedFields: renamed } };
    expect(update(created, sent, 'two').metadata.managedFields).toMatchObject([{ manager: 'renamed' }]);
    const reset = { ...created, metadata: { ...created.metadata, managedFields: [] } };
    expect(update(created, reset, 'two').metadata.managedFields).toBeUndefined();
    const garbage = { ...created, metadata: { ...created.metadata, managedFields: [{ a: 1 } as never] } };
    expect(update(created, garbage, 'two').metadata.managedFields).toEqual(created.metadata.managedFields);
  });

  it('fold the oldest of more than ten updaters', () => {
    let object = update(undefined, web({ replicas: 0 }), 'creator', times[0]);
    for (let i = 0; i < 15; i++) {
      const labelled = { ...object.metadata.labels, [`l${i}`]: 'x' };
      const next = { ...object, metadata: { ...object.metadata, labels: labelled } };
      object = update(object, next, `m${i}`, `2026-01-01T00:01:${String(i).padStart(2, '0')}Z`);
    }
    const managers = object.metadata.managedFields?.map(({ manager }) => manager);
    expect(managers).toHaveLength(10);
    expect(managers).toContain('ancient-changes');
    expect(managers).toContain('m14');
  });

  it('is fast enough for every write', () => {
    const containers = Array.from({ length: 5 }, (_, i) => ({
      name: `c${i}`,
      image: 'a:1',
      args: ['x'],
      ports: [{ containerPort: i }],
    }));
    const object = update(undefined, web({ replicas: 1, containers }, { labels: { a: 'b' } }), 'one');
    const start = performance.now();
    let current = object;
    for (let i = 0; i < 2000; i++) {
      current = update(current, { ...current, spec: { ...current.spec, replicas: i } }, i % 2 ? 'one' : 'two');
    }
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
