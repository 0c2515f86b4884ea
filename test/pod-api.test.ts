// A program in a pod as a client of the API, with nothing but what every pod has: its service account's token and CA.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chooseRuntime } from '../src/node/index.ts';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildDemoImage } from './support/images.ts';

const { name: runtime } = await chooseRuntime('auto');
let homeport: TestHomeport;
beforeAll(async () => {
  homeport = await startHomeport();
  await buildDemoImage(homeport, 'silly-demo:1');
});
afterAll(() => homeport.stop());

const program = `
const { readFileSync } = require('node:fs');
const { request } = require('node:https');
const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
const read = (name) => readFileSync(folder + '/' + name, 'utf8');
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const path = '/api/v1/namespaces/' + read('namespace') + '/pods';
const headers = { authorization: 'Bearer ' + read('token') };
request({ host, port, path, headers, ca: read('ca.crt') }, async (response) => {
  let text = '';
  for await (const chunk of response) text += chunk;
  const { kind, message, items = [] } = JSON.parse(text);
  console.log(response.statusCode, kind, message ?? items.map((pod) => pod.metadata.name).join());
}).on('error', (error) => console.log(error.message)).end();
`;

test.runIf(runtime === 'linux')(
  'a pod reaches the API by its ClusterIP, is known there, and may what RBAC says',
  async () => {
    const { kubectl } = homeport;
    const overrides = { spec: { terminationGracePeriodSeconds: 0 } };
    await kubectl(['run', 'client', '--image=silly-demo:1', `--overrides=${JSON.stringify(overrides)}`]);
    await kubectl('wait --for=condition=Ready pod/client --timeout=30s');
    const ask = () => kubectl(['exec', 'client', '--', 'node', '-e', program]);
    expect(await ask()).toMatch(
      /^403 Status pods is forbidden: User "system:serviceaccount:default:default" cannot list/,
    );
    await kubectl('create rolebinding see --clusterrole=view --serviceaccount=default:default');
    expect(await ask()).toBe('200 PodList client\n');
    // What an exec has for variables is what the program itself has, and a shell can work with it.
    const env = Object.fromEntries(
      (await kubectl('exec client -- env')).split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)),
    );
    expect(env).toMatchObject({ HOME: '/root', HOSTNAME: 'client', HOMEPORT_IMAGE_TAG: '1' });
    expect(env['PATH']).toMatch(/\/usr\/bin:/);
    expect(await kubectl(['exec', 'client', '--', 'sh', '-c', 'cd && pwd && command -v node'])).toBe(
      '/root\n/opt/homeport/bin/node\n',
    );
  },
);
