import { expect, test } from 'vitest';
import { ApiError } from '../machinery/index.ts';
import { explain } from './explain.ts';

const system = (fields: object) => Object.assign(new Error('raw'), fields);

test.each([
  [system({ code: 'EACCES', syscall: 'open', path: '/x' }), '/x: you may not (EACCES, open)'],
  [system({ code: 'ENOSPC', syscall: 'write' }), 'the disk is full (ENOSPC, write)'],
  [
    system({ code: 'EADDRINUSE', syscall: 'listen', address: '127.0.0.1', port: 1 }),
    '127.0.0.1:1: that address and port are taken (EADDRINUSE, listen)',
  ],
  [system({ code: 'EWHATEVER', syscall: 'open', path: '/x' }), 'raw'],
  [new ApiError(404, 'NotFound', 'pods "x" not found'), 'the API server answered: pods "x" not found'],
])('a person reads what happened: %s', (error, text) => {
  expect(explain(error)).toBe(text);
});

test('only a bug of ours has a stack', () => {
  expect(explain(new TypeError('bug'))).toContain('explain.test.ts');
});
