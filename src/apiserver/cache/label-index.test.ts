import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseLabelSelector } from '../../machinery/index.ts';
import { Entry } from '../store/entry.ts';
import { createLabelIndex } from './label-index.ts';
import { OrderedEntries } from './order.ts';

const label = fc.constantFrom('a', 'b', 'constructor');
const change = fc.record({
  namespace: fc.constantFrom('x', 'y'),
  name: fc.constantFrom('1', '2', '3', '4'),
  labels: fc.option(fc.dictionary(label, fc.constantFrom('', 'v', 'w'), { maxKeys: 3 })),
});
const selector = fc
  .array(fc.constantFrom('a=v', 'a=', 'a in (v)', 'a in (v,w)', 'b==w', 'b!=w', '!b', 'constructor=v', 'a'), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => parseLabelSelector(parts.join(',')));

const names = (entries: Iterable<Entry>): string[] => [...entries].map((entry) => `${entry.namespace}/${entry.name}`);

test('what the index offers holds everything that matches, in order, whatever changed before or after', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(change, selector), { maxLength: 30 }), selector, (steps, last) => {
      const all = new OrderedEntries();
      const index = createLabelIndex(all);
      for (const [revision, step] of [...steps, last].entries()) {
        if ('matches' in step) {
          const matches = (entry: Entry): boolean => step.matches(entry.object.metadata.labels);
          const offered = [...index.candidates(step).from(undefined)].filter(matches);
          expect(names(offered)).toEqual(names([...all.from(undefined)].filter(matches)));
          continue;
        }
        const { namespace, name, labels } = step;
        const before = all.get(namespace, name);
        const metadata = { namespace, name, ...(labels ? { labels } : {}) };
        const after =
          labels === null ? undefined : Entry.fromObject({ apiVersion: 'v1', kind: 'X', metadata }, revision);
        if (after) all.set(after);
        else all.delete(namespace, name);
        index.update(before, after);
      }
    }),
  );
});

test('a pinned value is found without looking at the rest', () => {
  const all = new OrderedEntries();
  for (let number = 0; number < 1000; number++) {
    const metadata = { namespace: 'x', name: `n${number}`, labels: { shard: `s${number % 100}` } };
    all.set(Entry.fromObject({ apiVersion: 'v1', kind: 'X', metadata }, number));
  }
  expect(createLabelIndex(all).candidates(parseLabelSelector('shard=s7,other!=1')).size).toBe(10);
});
