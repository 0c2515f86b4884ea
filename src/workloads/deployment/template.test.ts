import { describe, expect, it } from 'vitest';
import type { PodTemplate } from '../types.ts';
import { hashedTemplate, sameTemplate, templateHash } from './template.ts';

function template(image: string): PodTemplate {
  const container = { name: 'web', image };
  return { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } };
}

describe('the hash of a template', () => {
  it('is the same for the same template, whatever the order of its fields', () => {
    const reordered = { spec: template('a:1').spec, metadata: { labels: { app: 'web' } } };
    expect(templateHash(reordered, undefined)).toBe(templateHash(template('a:1'), undefined));
    expect(sameTemplate(reordered, template('a:1'))).toBe(true);
  });

  it('differs with the template and with the count of collisions, and is fit for a label', () => {
    const hashes = [
      templateHash(template('a:1'), undefined),
      templateHash(template('a:2'), undefined),
      templateHash(template('a:1'), 1),
    ];
    expect(new Set(hashes).size).toBe(3);
    for (const hash of hashes) expect(hash).toMatch(/^[a-z0-9]{1,10}$/);
  });

  it('does not count as a part of the template', () => {
    const hashed = hashedTemplate(template('a:1'), 'abc');
    expect(hashed.metadata?.labels).toEqual({ app: 'web', 'pod-template-hash': 'abc' });
    expect(sameTemplate(hashed, template('a:1'))).toBe(true);
    expect(sameTemplate(hashed, template('a:2'))).toBe(false);
  });
});
