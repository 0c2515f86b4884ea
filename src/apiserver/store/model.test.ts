// The store against a model that keeps every state there ever was, through writes, compactions and restarts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { listPage, type Page } from '../cache/list.ts';
import { openWatch, type Watch } from '../cache/watch.ts';
import { lmdbBackend } from './lmdb.ts';
import { createStore, type Store } from './store.ts';

const RESOURCES = ['configmaps', 'secrets'].map((resource) => ({ group: '', resource }));
const EVERYTHING = {};

type State = ReadonlyMap<string, string>;

/** What is true of the store: the state at each revision, and how far back it must know. */
interface Model {
  /** By resource, then by revision; a revision that did not touch the resource has none. */
  states: Map<string, { revision: number; state: State }[]>;
  floor: number;
}

interface Watching {
  resource: (typeof RESOURCES)[number];
  watch: Watch;
  view: Map<string, string>;
  last: number;
}

interface Real {
  folder: string;
  store: Store;
  watches: Watching[];
  /** Lists that were begun: what is left of them must be as of their first page. */
  lists: {
    resource: (typeof RESOURCES)[number];
    token: string;
    got: [string, string][];
    wanted: State;
    revision: number;
  }[];
}

const stateAt = (model: Model, resource: string, revision: number): State =>
  model.states.get(resource)?.findLast((state) => state.revision <= revision)?.state ?? new Map();

const pairs = ({ entries }: Page): [string, string][] =>
  entries.map(({ namespace, name, object }) => [`${namespace}/${name}`, String(object['value'])]);

const inOrder = (state: State): [string, string][] =>
  [...state].sort(([a], [b]) => {
    const [left, right] = [a.split('/'), b.split('/')];
    return (left[0] ?? '') < (right[0] ?? '') || (left[0] === right[0] && (left[1] ?? '') < (right[1] ?? '')) ? -1 : 1;
  });

const resourceOf = fc.constantFrom(...RESOURCES);
const write = fc.record({
  resource: resourceOf,
  namespace: fc.constantFrom('a', 'a-b', 'b'),
  name: fc.constantFrom('one', 'two', 'three', 'four'),
  value: fc.option(fc.string({ maxLength: 4 }), { nil: undefined, freq: 3 }),
});

type Step = (model: Model, real: Real) => Promise<void>;

/** Writes that are all under way at once: the store decides about them in this order. */
const writes = fc.array(write, { minLength: 1, maxLength: 6 }).map(
  (batch): Step =>
    async (model, real) => {
      const results = batch.map(({ resource, namespace, name, value }) => {
        const key = `${namespace}/${name}`;
        const place = { namespace, name };
        if (value === undefined && !real.store.latest(resource, place)) return undefined;
        const object = { apiVersion: 'v1', kind: 'X', metadata: { ...place }, value };
        const done = real.store.write(resource, place, () =>
          value === undefined ? { remove: true } : { put: object },
        );
        return done.then(({ revision }) => ({ resource: resource.resource, key, value, revision }));
      });
      for (const result of await Promise.all(results)) {
        if (!result) continue;
        const states = model.states.get(result.resource) ?? [];
        const state = new Map(states.at(-1)?.state);
        if (result.value === undefined) state.delete(result.key);
        else state.set(result.key, result.value);
        expect(result.revision).toBeGreaterThan(states.at(-1)?.revision ?? 0);
        states.push({ revision: result.revision, state });
        model.states.set(result.resource, states);
      }
    },
);

const compaction = fc.nat({ max: 12 }).map(
  (back): Step =>
    async (model, { store }) => {
      const floor = Math.max(model.floor, store.revision - back);
      await store.compact(floor);
      model.floor = floor;
    },
);

const restart = fc.constant<Step>(async (_, real) => {
  for (const { watch } of real.watches) watch.close();
  await real.store.close();
  real.store = createStore(lmdbBackend(real.folder));
  real.watches = real.watches.flatMap((old) => {
    try {
      return [{ ...old, watch: watchFrom(real.store, old.resource, old.last) }];
    } catch (error) {
      expect(error).toMatchObject({ code: 410 });
      return [];
    }
  });
});

function watchFrom(store: Store, resource: (typeof RESOURCES)[number], after: number): Watch {
  const options = { selection: EVERYTHING, after, initial: false, initialBookmark: false };
  return openWatch(store.cache(resource), () => store.revision, options);
}

const newWatch = fc.tuple(resourceOf, fc.nat({ max: 10 })).map(
  ([resource, back]): Step =>
    async (model, real) => {
      const after = Math.max(1, real.store.revision - back);
      const watch = await unlessCompacted(model, after, () => watchFrom(real.store, resource, after));
      if (watch) {
        real.watches.push({ resource, watch, view: new Map(stateAt(model, resource.resource, after)), last: after });
      }
    },
);

/** Every watch that is not compacted away leads to what there is, revision by revision. */
const look = fc.constant<Step>(async (model, real) => {
  real.watches = real.watches.filter((watching) => {
    try {
      for (const item of watching.watch.pull(10_000)) {
        if (item.type === 'BOOKMARK') continue;
        const key = `${item.entry.namespace}/${item.entry.name}`;
        expect(item.entry.revision).toBeGreaterThan(watching.last);
        watching.last = item.entry.revision;
        if (item.type === 'DELETED') expect(watching.view.delete(key)).toBe(true);
        else {
          expect(watching.view.has(key)).toBe(item.type === 'MODIFIED');
          watching.view.set(key, String(item.entry.object['value']));
        }
      }
    } catch (error) {
      expect(error).toMatchObject({ code: 410 });
      expect(watching.last).toBeLessThan(model.floor);
      return false;
    }
    expect(inOrder(watching.view)).toEqual(inOrder(stateAt(model, watching.resource.resource, real.store.revision)));
    return true;
  });
});

/**
 * What comes of asking for a revision; undefined for 410, which only what is compacted away may give. It need not: a resource
 * that nothing happened to since is still known as it was then.
 */
async function unlessCompacted<T>(
  model: Model,
  revision: number,
  ask: () => T | Promise<T>,
  refused?: (error: unknown) => void,
): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    expect(error).toMatchObject({ code: 410, reason: 'Expired' });
    expect(revision).toBeLessThan(model.floor);
    refused?.(error);
    return undefined;
  }
}

const exactList = fc.tuple(resourceOf, fc.nat({ max: 10 })).map(
  ([resource, back]): Step =>
    async (model, { store }) => {
      const exact = Math.max(1, store.revision - back);
      const list = () => listPage(store.cache(resource), store.revision, EVERYTHING, { limit: 0, exact });
      const found = await unlessCompacted(model, exact, list);
      if (!found) return;
      expect(found.revision).toBe(exact);
      expect(pairs(found)).toEqual(inOrder(stateAt(model, resource.resource, exact)));
    },
);

const firstPage = fc.tuple(resourceOf, fc.integer({ min: 1, max: 3 })).map(
  ([resource, limit]): Step =>
    async (model, real) => {
      const { store } = real;
      const page = await listPage(store.cache(resource), store.revision, EVERYTHING, { limit });
      const wanted = stateAt(model, resource.resource, store.revision);
      if (page.continue === undefined) return void expect(pairs(page)).toEqual(inOrder(wanted));
      real.lists.push({ resource, token: page.continue, got: pairs(page), wanted, revision: page.revision });
    },
);

/** The next page of a list is as of its first; or its time is over, and the rest comes as of now. */
const nextPage = fc.integer({ min: 1, max: 3 }).map(
  (limit): Step =>
    async (model, real) => {
      const list = real.lists.shift();
      if (!list) return;
      const { resource, token, revision } = list;
      const { store } = real;
      const page = async (text: string, most = limit): Promise<Page> =>
        listPage(store.cache(resource), store.revision, EVERYTHING, { limit: most, continue: text });
      let inconsistent = '';
      const next = await unlessCompacted(
        model,
        revision,
        () => page(token),
        (error) => {
          inconsistent = (error as { continueToken: string }).continueToken;
        },
      );
      if (!next) {
        const last = list.got.at(-1)?.[0] ?? '';
        const now = inOrder(new Map([...stateAt(model, resource.resource, store.revision), [last, '']]));
        expect(pairs(await page(inconsistent, 0))).toEqual(now.slice(now.findIndex(([key]) => key === last) + 1));
        return;
      }
      expect(next.revision).toBe(revision);
      const got = [...list.got, ...pairs(next)];
      if (next.continue !== undefined) real.lists.push({ ...list, token: next.continue, got });
      else expect(got).toEqual(inOrder(list.wanted));
    },
);

const step = fc.oneof(
  { weight: 6, arbitrary: writes },
  { weight: 1, arbitrary: compaction },
  { weight: 1, arbitrary: restart },
  { weight: 2, arbitrary: newWatch },
  { weight: 3, arbitrary: look },
  { weight: 2, arbitrary: exactList },
  { weight: 2, arbitrary: firstPage },
  { weight: 3, arbitrary: nextPage },
);

test('through writes, compactions and restarts, lists and watches tell of states that were, and of nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const folder = mkdtempSync(join(tmpdir(), 'homeport-model-'));
      const real: Real = { folder, store: createStore(lmdbBackend(folder)), watches: [], lists: [] };
      const model: Model = { states: new Map(), floor: 1 };
      try {
        for (const one of steps) await one(model, real);
      } finally {
        await real.store.close();
        rmSync(folder, { recursive: true, force: true });
      }
    }),
    { numRuns: 40 },
  );
});
