import { describe, expect, it } from 'vitest';
import { createExpectations, expectationsTimeout } from './expectations.ts';

describe('expectations', () => {
  it('hold until every creation was seen or given up', () => {
    const expectations = createExpectations();
    expectations.expectChanges('a', 3, []);
    expectations.creationObserved('a');
    expect(expectations.satisfied('a')).toBe(false);
    expectations.creationObserved('a', 2);
    expect(expectations.satisfied('a')).toBe(true);
  });

  it('count each deletion once, however often it is seen', () => {
    const expectations = createExpectations();
    expectations.expectChanges('a', 0, ['x', 'y']);
    expectations.deletionObserved('a', 'x');
    expectations.deletionObserved('a', 'x');
    expect(expectations.satisfied('a')).toBe(false);
    expectations.deletionObserved('a', 'y');
    expect(expectations.satisfied('a')).toBe(true);
  });

  it('do not mind what nobody expected', () => {
    const expectations = createExpectations();
    expectations.creationObserved('a');
    expectations.deletionObserved('a', 'x');
    expect(expectations.satisfied('a')).toBe(true);
  });

  it('end after a while, for what was missed', () => {
    let now = 0;
    const expectations = createExpectations(() => now);
    expectations.expectChanges('a', 1, []);
    now = expectationsTimeout + 1;
    expect(expectations.satisfied('a')).toBe(true);
  });
});
