import fc from 'fast-check';
import { expect, test } from 'vitest';
import { familiarReference, formatReference, parseReference } from './reference.ts';

test.each([
  ['silly-demo:1.4.305', 'docker.io/library/silly-demo:1.4.305'],
  ['docker.io/library/silly-demo:1.4.305', 'docker.io/library/silly-demo:1.4.305'],
  ['index.docker.io/silly-demo', 'docker.io/library/silly-demo:latest'],
  ['acme/silly-demo', 'docker.io/acme/silly-demo:latest'],
  ['localhost/silly-demo:a', 'localhost/silly-demo:a'],
  ['registry:5000/silly-demo', 'registry:5000/silly-demo:latest'],
  ['registry.example.org/a/b__c:v1', 'registry.example.org/a/b__c:v1'],
  [`a@sha256:${'0'.repeat(64)}`, `docker.io/library/a@sha256:${'0'.repeat(64)}`],
])('%s is %s', (text, full) => {
  expect(formatReference(parseReference(text))).toBe(full);
});

test.each([
  '',
  'Silly',
  'a:',
  'a b',
  '../a',
  'a//b',
  'a/../b',
  'a:-b',
  'a@sha256:1',
  '/a',
  'a/',
  `${'a'.repeat(600)}`,
  'a\n',
])('%j is refused', (text) => {
  expect(() => parseReference(text)).toThrow(/couldn't parse image name/);
});

test('the familiar form of a reference means the same', () => {
  const name = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(path, fc.stringMatching(/^[a-z0-9][a-zA-Z0-9._-]{0,10}$/), (repository, tag) => {
      const reference = parseReference(`${repository}:${tag}`);
      expect(parseReference(familiarReference(reference))).toEqual(reference);
    }),
  );
});
