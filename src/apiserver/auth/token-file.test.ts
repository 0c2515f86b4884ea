import { describe, expect, it } from 'vitest';
import { parseTokenFile } from './token-file.ts';

describe('parseTokenFile', () => {
  it('reads users with and without groups, quoted or not', () => {
    const lookup = parseTokenFile('t1,ann,1,"dev, ops"\n\nt2,bob,2\r\nt3,"o""neil, jr",3,dev\n');
    expect(lookup('t1')).toEqual({ username: 'ann', uid: '1', groups: ['dev', 'ops'] });
    expect(lookup('t2')).toEqual({ username: 'bob', uid: '2', groups: [] });
    expect(lookup('t3')).toEqual({ username: 'o"neil, jr', uid: '3', groups: ['dev'] });
    expect(lookup('t')).toBeUndefined();
    expect(lookup('')).toBeUndefined();
  });

  it('takes the last line of a token that is given twice', () => {
    expect(parseTokenFile('t,ann,1\nt,bob,2')('t')?.username).toBe('bob');
  });

  it('names the line that is too short, and not what is in it', () => {
    expect(() => parseTokenFile('t1,ann,1\nvery-secret,bob\n')).toThrow(/line 2 has 2 columns/);
    expect(() => parseTokenFile('very-secret,bob')).not.toThrow(/very-secret/);
    expect(() => parseTokenFile(',bob,1')).toThrow(/line 1/);
  });
});
