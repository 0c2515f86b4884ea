import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../machinery/index.ts';
import { app, at, crashed, event, make, waiting, why, wrongImage } from './fixtures.ts';
import { healthOf, ownershipTree, renderTree, renderTroubles, renderWhy, treeJson } from './index.ts';
import { memorySource } from './memory-source.ts';

const now = new Date('2024-05-01T10:05:00Z');
/** Colours, a cursor that goes home, a window title, a one-byte control sequence, a bell, a turned direction of writing. */
const hostile = 'a\u001b[31mred\u001b[H\u001b]0;title\u0007b\u009b2Jc\u0007d\u202etxt.exe\r\nnext\u0000\u200b';
const control = /[\p{Cc}\p{Bidi_Control}]/u;

describe('texts that others wrote', () => {
  it('cannot steer the terminal, wherever they come from', async () => {
    const { deployment, pod, all } = app({ containerStatus: crashed({ exitCode: 1 }) });
    const said = await why(deployment, all, { source: { lastLog: async () => [hostile, hostile] } });
    expect(said.cause).toContain('its last words: aredbcdtxt.exe next / aredb');
    const pull = app({ containerStatus: waiting('ErrImagePull', `no such host ${hostile}`) });
    const unknown = make('acme.dev/v1', 'Claim', 'a', {
      status: { conditions: [{ type: 'Ready', status: 'False', reason: 'Failed', message: hostile }] },
    });
    const diagnoses = [
      said,
      await why(deployment, [...all, event(pod, 'BackOff', `restarting ${hostile}`)]),
      await why(pull.deployment, pull.all),
      await why(...imageCalled(hostile)),
      await why(unknown, []),
      await why(make('acme.dev/v1', 'Claim', 'a', { metadata: { deletionTimestamp: at, finalizers: [hostile] } }), []),
    ];
    for (const diagnosis of diagnoses) {
      expect(diagnosis.healthy).toBe(false);
      expect(diagnosis.cause).not.toMatch(control);
      for (const line of renderWhy(diagnosis, { now }).split('\n')) expect(line).not.toMatch(control);
      const found = [{ object: make('v1', hostile, hostile), diagnosis }];
      expect(renderTroubles(found, { now, namespaces: true })).not.toMatch(control);
    }
    const tree = await ownershipTree(make('v1', hostile, 'x', { status: unknown.status }), memorySource([]));
    for (const line of renderTree(tree, { now }).split('\n')) expect(line).not.toMatch(control);
    expect(treeJson(tree).message).not.toMatch(control);
  });

  it('are cut to a sentence', async () => {
    const long = '😀 '.repeat(500_000);
    const { deployment, all } = app({
      container: { image: `a:${long}` },
      containerStatus: waiting('ErrImagePull', long),
    });
    const { cause } = await why(deployment, all);
    expect(cause.length).toBeLessThan(500);
    expect(cause).toMatch(/… does not exist: change spec\.template\.spec\.containers\[0\]\.image$/);
    expect(cause.isWellFormed()).toBe(true);
    const log = app({ containerStatus: crashed({ exitCode: 1 }) });
    const words = await why(log.deployment, log.all, { source: { lastLog: async () => [long, long, long, long] } });
    expect(words.cause.length).toBeLessThan(600);
    expect(words.cause.isWellFormed()).toBe(true);
  });

  it('may be of any type, or missing', async () => {
    const kinds = ['Pod', 'Service', 'Deployment', 'Job', 'Ingress', 'PersistentVolumeClaim', 'Thing'];
    const odd = [null, 7, 'text', [], [null], { conditions: 'no' }, { conditions: [null, 1, { type: 'Ready' }] }];
    const conditions = [{ type: 'Ready', status: 'False', message: 7, reason: {}, lastTransitionTime: 'yesterday' }];
    for (const kind of kinds) {
      for (const apiVersion of ['v1', 'apps/v1', 'batch/v1', 'networking.k8s.io/v1']) {
        for (const value of [
          ...odd,
          { conditions },
          { containerStatuses: [null, {}, { state: 'x' }], nodes: [0, {}] },
        ]) {
          const object = { ...make(apiVersion, kind, 'x'), spec: value, status: value } as unknown as KubeObject;
          expect(healthOf(object)).toMatchObject({ message: expect.any(String) });
          const diagnosis = await why(object, [object]);
          expect(diagnosis.cause).toEqual(expect.any(String));
          if (diagnosis.since !== null) expect(Date.parse(diagnosis.since)).not.toBeNaN();
          renderTree(await ownershipTree(object, memorySource([object])), { now });
        }
      }
    }
    const bare = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } };
    expect(await why(bare, [])).toMatchObject({ healthy: false, fixableBy: null, since: null });
  });
});

function imageCalled(image: string): [KubeObject, KubeObject[]] {
  const { deployment, all } = app({ ...wrongImage, container: { image } });
  return [deployment, all];
}

describe('many objects', () => {
  const { deployment, set, pod } = app(wrongImage);
  const many = Array.from({ length: 10_000 }, (_, i) => ({
    ...pod,
    metadata: { ...pod.metadata, name: `pod-${i}`, uid: `pod-${i}` },
    ...(i === 7777 ? {} : { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }),
  }));

  it('the one bad pod of ten thousand is found, without a look at each', async () => {
    let asked = 0;
    const memory = memorySource([deployment, set, ...many]);
    const owned = async (owner: KubeObject) => {
      asked += 1;
      return memory.owned(owner);
    };
    const began = performance.now();
    const diagnosis = await why(deployment, [], { source: { ...memory, owned } });
    expect(performance.now() - began).toBeLessThan(1000);
    expect(diagnosis.cause).toContain('does not exist');
    expect(asked).toBeLessThan(50);
  });

  it('a tree of ten thousand is drawn', async () => {
    const began = performance.now();
    const tree = await ownershipTree(deployment, memorySource([deployment, set, ...many]));
    expect(renderTree(tree, { now }).split('\n')).toHaveLength(10_003);
    expect(JSON.stringify(treeJson(tree))).toContain('pod-9999');
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it('a crash is asked for its last words once, not by every pod', async () => {
    const crash = app({ containerStatus: crashed({ exitCode: 1 }) });
    const pods = many.map(({ metadata }) => ({ ...crash.pod, metadata }));
    const runs: unknown[] = [];
    const memory = memorySource([crash.deployment, crash.set, ...pods]);
    const lastLog = async (run: object) => {
      runs.push(run);
      return ['boom'];
    };
    const { cause } = await why(crash.deployment, [], { source: { ...memory, lastLog } });
    expect(cause).toContain('its last words: boom');
    expect(runs).toEqual([expect.objectContaining({ container: 'main', previous: true, namespace: 'a-team' })]);
  });
});

describe('owners in a circle', () => {
  const reference = (owner: KubeObject) => ({
    ...{ apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name, uid: owner.metadata.uid ?? '' },
    controller: true,
  });

  it('end the climb from a fault, and the search for one', async () => {
    const { deployment, set, pod } = app(wrongImage);
    deployment.metadata.ownerReferences = [reference(pod)];
    const all = [deployment, set, pod];
    for (const object of all) {
      expect(await why(object, all)).toMatchObject({ healthy: false, fixableBy: 'developer' });
    }
    const itself = make('acme.dev/v1', 'Thing', 'self');
    itself.metadata.ownerReferences = [reference(itself)];
    expect(await why(itself, [itself])).toMatchObject({ healthy: true });
    expect((await ownershipTree(itself, memorySource([itself]))).children).toEqual([]);
  });
});
