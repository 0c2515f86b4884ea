import { describe, expect, it } from 'vitest';
import { readCases, verdictOf } from './cases.testing.ts';

/** Each case is one answer of a kube-apiserver 1.34. */
describe.each([
  'access',
  'apps',
  'batch',
  'core',
  'devices',
  'networking',
  'pod',
  'records',
  'storage',
  'traffic',
  'volumes',
])('%s', (file) => {
  const { cases, bases } = readCases(file);

  it.each(
    cases.map((one) => [`${one.kind} of ${one.version}: ${one.do} ${JSON.stringify(one.changes)}`, one] as const),
  )('%s', (_, one) => {
    const { errors, warnings, object } = verdictOf(one, bases);
    const own = (one.errors ?? []).filter((error) => !/^metadata\./.test(error));
    expect(errors.filter((error) => !/^metadata\./.test(error))).toEqual(own);
    if (!one.errors) expect(warnings).toEqual(one.warnings ?? []);
    if (one.object) expect(JSON.parse(JSON.stringify(object))).toMatchObject(one.object);
  });
});
