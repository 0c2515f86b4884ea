import { expect, test } from 'vitest';
import { parseIgnore } from './ignore.ts';

test('patterns leave out what a .dockerignore would', () => {
  const ignore = parseIgnore('# comment\n*.log\nbuild/\n**/secret.txt\n!keep.log\n/docs/*/draft?.md\n');
  const out = [
    'a.log',
    'build',
    'build/x/y',
    'secret.txt',
    'a/b/secret.txt',
    'docs/a/draft1.md',
    '.git',
    '.git/config',
  ];
  const kept = ['keep.log', 'a/b.log', 'docs/draft1.md', 'docs/a/draft12.md', 'builder', 'src/index.js', '.gitignore'];
  expect(out.filter((path) => !ignore(path))).toEqual([]);
  expect(kept.filter(ignore)).toEqual([]);
});

test('a pattern made to be slow is not', () => {
  const ignore = parseIgnore(`${'**/'.repeat(200)}${'*a'.repeat(200)}b`);
  expect(ignore(`${'a/'.repeat(100)}${'a'.repeat(500)}`)).toBe(false);
});
