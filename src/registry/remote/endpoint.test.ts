import { expect, test } from 'vitest';
import { checkLiteral, endpointOf, resolver } from './endpoint.ts';

test.each([
  ['docker.io', 'https://registry-1.docker.io/'],
  ['ghcr.io', 'https://ghcr.io/'],
  ['registry.lan:5000', 'http://registry.lan:5000/'],
  ['other.lan:5000', 'https://other.lan:5000/'],
  ['localhost:5000', 'http://localhost:5000/'],
  ['registry.localhost:5000', 'http://registry.localhost:5000/'],
  ['127.0.0.1:5000', 'http://127.0.0.1:5000/'],
  ['localhost.example.com', 'https://localhost.example.com/'],
])('%s is reached at %s', (domain, url) => {
  expect(endpointOf(domain, new Set(['registry.lan:5000'])).href).toBe(url);
});

test.each([
  '127.0.0.1',
  '127.9.9.9',
  '[::1]',
  '169.254.169.254',
  '[::ffff:169.254.169.254]',
  '0.0.0.0',
  'localhost',
  'a.localhost',
])('a registry elsewhere cannot send us to %s', (host) => {
  const { hostname } = new URL(`https://${host}`);
  expect(() => checkLiteral(hostname, false)).toThrow(/that is not followed/);
  expect(() => checkLiteral(hostname, true)).not.toThrow();
});

test('names are resolved to this machine only for those who may lead there', async () => {
  const resolve = (mayBeLocal: boolean) =>
    new Promise((done) =>
      resolver(mayBeLocal)('registry.localhost', { all: true }, (error, found) => done(error ?? found)),
    );
  expect(await resolve(true)).toEqual([{ address: '127.0.0.1', family: 4 }]);
  expect(await resolve(false)).toBeInstanceOf(Error);
});
