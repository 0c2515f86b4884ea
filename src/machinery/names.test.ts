import { describe, expect, it } from 'vitest';
import {
  configKeyErrors,
  dns1035LabelErrors,
  dnsLabelErrors,
  dnsSubdomainErrors,
  envNameErrors,
  labelValueErrors,
  portNameErrors,
  portNumberErrors,
  qualifiedNameErrors,
  wildcardSubdomainErrors,
} from './index.ts';

const long = 'a'.repeat(300);

describe('names', () => {
  it.each([
    [dnsSubdomainErrors, ['a', 'a.b', 'a-b.c0', '0']],
    [dnsLabelErrors, ['a', '0-a']],
    [dns1035LabelErrors, ['a', 'a-0']],
    [wildcardSubdomainErrors, ['*.a', '*.a.b']],
    [qualifiedNameErrors, ['a', 'A_b.c', 'example.com/Name']],
    [labelValueErrors, ['', 'a', 'A_b.c-d']],
    [configKeyErrors, ['a', '.hidden', 'A_b-c.d', '-']],
    [envNameErrors, ['A', 'a.b-c', '1A', 'with space']],
    [portNameErrors, ['http', 'a-1']],
  ])('%o takes %j', (check, values) => {
    for (const value of values) expect(check(value)).toEqual([]);
  });

  it.each([
    [dnsSubdomainErrors, ['', 'A', '-a', 'a..b', 'a.', 'ä', 'a\n', long]],
    [dnsLabelErrors, ['', 'a.b', 'a-', long]],
    [dns1035LabelErrors, ['', '0a', 'a.b', long]],
    [wildcardSubdomainErrors, ['*', 'a', '*.*.a', 'f*.a', long]],
    [qualifiedNameErrors, ['', '/a', 'a/', 'A/b', 'a/b/c', '-a', long]],
    [labelValueErrors, ['-', 'a b', 'a/b', long]],
    [configKeyErrors, ['', '.', '..', '..a', 'a/b', long]],
    [envNameErrors, ['', 'A=B', 'é', 'a\tb']],
    [portNameErrors, ['', 'HTTP', '123', 'a--b', '-a', 'a-', 'sixteen-letters-']],
  ])('%o refuses %j', (check, values) => {
    for (const value of values) expect(check(value)).not.toEqual([]);
  });

  it('is worded as kube-apiserver words it', () => {
    expect(dnsLabelErrors('a.b')).toEqual(['must not contain dots']);
    expect(dnsSubdomainErrors('A')).toEqual([
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ]);
    expect(labelValueErrors('a'.repeat(64))).toEqual(['must be no more than 63 characters']);
    expect(qualifiedNameErrors('/a')).toEqual(['prefix part must be non-empty']);
    expect(qualifiedNameErrors('a/')[0]).toBe('name part must be non-empty');
    expect(portNumberErrors(0)).toEqual(['must be between 1 and 65535, inclusive']);
  });

  it('takes no time over long and hostile names', () => {
    const start = performance.now();
    for (const hostile of ['a-'.repeat(1_000_000), `${'a'.repeat(4000)}!`, `${'a.'.repeat(2000)}!`]) {
      for (const check of [
        dnsSubdomainErrors,
        dnsLabelErrors,
        qualifiedNameErrors,
        labelValueErrors,
        configKeyErrors,
      ]) {
        expect(check(hostile)).not.toEqual([]);
      }
    }
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
