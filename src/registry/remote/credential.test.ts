import { expect, test } from 'vitest';
import { createKeyring } from './credential.ts';

const entry = (username: string) => ({ username, password: 'p' });
const users = (auths: Record<string, object>, repository: string) =>
  createKeyring([{ auths }])
    .lookup(repository)
    .map(({ username }) => username);

// The cases are the kubelet's (pkg/credentialprovider).
test.each([
  ['a host', 'quay.io', 'quay.io/coreos/etcd', true],
  ['another host', 'quay.io', 'gcr.io/coreos/etcd', false],
  ['a scheme', 'https://quay.io/', 'quay.io/coreos/etcd', true],
  ['the path of the API', 'https://quay.io/v1/', 'quay.io/coreos/etcd', true],
  ['a path', 'quay.io/coreos', 'quay.io/coreos/etcd', true],
  ['a path below that of the API', 'quay.io/v2/coreos', 'quay.io/coreos/etcd', true],
  ['another path', 'quay.io/other', 'quay.io/coreos/etcd', false],
  ['a port', 'quay.io:443', 'quay.io:443/etcd', true],
  ['another port', 'quay.io:443', 'quay.io/etcd', false],
  ['a glob', '*.example.com', 'registry.example.com/app', true],
  ['a glob for one part only', '*.example.com', 'a.b.example.com/app', false],
  ['a glob within a part', 'pre*fix?.io', 'pre-and-fix1.io/app', true],
  ["docker's own name", 'https://index.docker.io/v1/', 'docker.io/library/nginx', true],
  ['a host that ends like it', 'evil-quay.io', 'quay.io/app', false],
  ['a glob that would take for ever', `${'*a'.repeat(30)}.io`, `${'a'.repeat(60)}b.io/app`, false],
])('%s', (_what, location, repository, fits) => {
  expect(users({ [location]: entry('ann') }, repository)).toEqual(fits ? ['ann'] : []);
});

test('the longest path comes first, and all that fit come', () => {
  const auths = {
    'gcr.io': entry('host'),
    'gcr.io/etcd-development': entry('project'),
    'gcr.io/etcd': entry('prefix'),
  };
  expect(users(auths, 'gcr.io/etcd-development/etcd')).toEqual(['project', 'prefix', 'host']);
});

test('both forms of configurations are read, and auth is user name and password', () => {
  const auth = Buffer.from('ann:se:cret').toString('base64');
  for (const document of [{ auths: { 'quay.io': { auth } } }, { 'quay.io': { auth } }]) {
    expect(createKeyring([document]).lookup('quay.io/a')).toEqual([{ username: 'ann', password: 'se:cret' }]);
  }
});

test.each([[[]], [null], ['text'], [{ auths: [] }], [{ auths: { 'quay.io': { auth: 'bm8=' } } }]])(
  'a configuration like %j is refused without showing it',
  (document) => {
    expect(() => createKeyring([document])).toThrow(/docker configuration/);
  },
);
