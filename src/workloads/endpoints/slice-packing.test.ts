import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { KubeObject } from '../../machinery/index.ts';
import { type Endpoint, endpointsOf, largestSlice, packEndpoints } from './slice-packing.ts';

const endpoint = (id: number, ready = true): Endpoint => ({
  addresses: [`10.0.${id >> 8}.${id & 255}`],
  targetRef: { uid: String(id) },
  conditions: { ready },
});

function slice(name: string, endpoints: Endpoint[]): KubeObject {
  return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name }, endpoints };
}

/** Slices of up to a hundred endpoints each, no endpoint in two of them. */
const slices = fc
  .uniqueArray(fc.integer({ min: 0, max: 600 }), { maxLength: 400 })
  .chain((ids) => fc.tuple(fc.constant(ids), fc.array(fc.integer({ min: 1, max: largestSlice }), { maxLength: 12 })))
  .map(([ids, sizes]) => {
    const left = [...ids];
    return sizes.map((size, index) =>
      slice(
        `s${index}`,
        left.splice(0, size).map((id) => endpoint(id)),
      ),
    );
  });
const wanted = fc
  .uniqueArray(fc.integer({ min: 0, max: 600 }), { maxLength: 400 })
  .chain((ids) => fc.tuple(fc.constant(ids), fc.infiniteStream(fc.boolean())))
  .map(([ids, ready]) => ids.map((id) => endpoint(id, ready.next().value)));

it('puts every endpoint into one slice, none into a slice that is full, and leaves alone what is right', () => {
  fc.assert(
    fc.property(slices, wanted, (existing, endpoints) => {
      const { update, create, empty } = packEndpoints(endpoints, existing);
      const staying = existing.filter((each) => !update.has(each) && !empty.includes(each));
      const after = [...staying.map(endpointsOf), ...update.values(), ...create];
      const byId = (a: Endpoint, b: Endpoint): number => Number(a.targetRef?.uid) - Number(b.targetRef?.uid);
      expect(after.flat().sort(byId)).toEqual(endpoints.toSorted(byId));
      for (const content of after) expect(content.length).toBeLessThanOrEqual(largestSlice);
      for (const content of create) expect(content.length).toBeGreaterThan(0);
      // What is in a slice and wanted stays in that slice.
      const ids = new Set(endpoints.map(({ targetRef }) => targetRef?.uid));
      for (const each of existing) {
        const kept = endpointsOf(each).filter(({ targetRef }) => ids.has(targetRef?.uid));
        const now = update.get(each) ?? (empty.includes(each) ? [] : endpointsOf(each));
        expect(now.map(({ targetRef }) => targetRef?.uid)).toEqual(
          expect.arrayContaining(kept.map(({ targetRef }) => targetRef?.uid)),
        );
      }
      // And once it is so, nothing is to be done.
      const settled = after.map((content, index) => slice(`t${index}`, content));
      const again = packEndpoints(endpoints, settled);
      expect([again.update.size, again.create.length, again.empty.length]).toEqual([0, 0, 0]);
    }),
    { numRuns: 60 },
  );
});
