// What takes more than one command of kubectl to see. The commands themselves are in the other files of this name; what
// needs a running pod is in pods.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';

let homeport: TestHomeport;
const kubectl: TestHomeport['kubectl'] = (args, options) => homeport.kubectl(args, options);

/** Runs kubectl and returns its stderr; fails the test if it succeeds. */
async function refused(args: string | readonly string[], input?: string): Promise<string> {
  const outcome = await homeport.tryKubectl(args, input === undefined ? {} : { input });
  expect(outcome.code, `${args} should fail but printed: ${outcome.stdout}`).not.toBe(0);
  return outcome.stderr;
}

beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'simulated']);
});
afterAll(() => homeport.stop());

/** A namespace of one test's own, named after it. */
async function namespace(name: string): Promise<string> {
  await kubectl(['create', 'namespace', name]);
  return name;
}

describe('create', () => {
  test('create token gives a token that the API accepts as that service account', async () => {
    const ns = await namespace('tokens');
    await kubectl(`-n ${ns} create serviceaccount robot`);
    const token = (await kubectl(`-n ${ns} create token robot --duration 30m`)).trim();
    const config = ['--kubeconfig', '/dev/null', '--server', homeport.status.api, '--insecure-skip-tls-verify'];
    const who = await kubectl([
      ...config,
      '--token',
      token,
      'auth',
      'whoami',
      '-o',
      'jsonpath={.status.userInfo.username}',
    ]);
    expect(who).toBe(`system:serviceaccount:${ns}:robot`);
    expect(await refused([...config, '--token', `${token.slice(0, -4)}AAAA`, 'get', 'pods'])).toMatch(
      /Unauthorized|must be logged in/,
    );
  });

  test('bad objects get the causes that kube-apiserver gives', async () => {
    const ns = await namespace('bad');
    const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"Bad_Name"},"spec":{"containers":[{"name":"a"}]}}`;
    const error = await refused(['-n', ns, 'create', '-f', '-'], pod);
    expect(error).toContain('metadata.name: Invalid value: "Bad_Name"');
    expect(error).toContain('spec.containers[0].image: Required value');
    const unknown = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"dta":{"x":"y"}}`;
    expect(await refused(['-n', ns, 'create', '-f', '-'], unknown)).toContain('unknown field "dta"');
    expect(await refused(['-n', ns, 'create', '-f', '-'], 'kind: ConfigMap\n  bad: [')).toContain('yaml');
    expect(
      await refused(['create', '-f', '-'], '{"apiVersion":"no.such/v1","kind":"Thing","metadata":{"name":"a"}}'),
    ).toContain('no matches for kind "Thing"');
  });
});

describe('delete', () => {
  test('a namespace goes with what is in it', async () => {
    const ns = await namespace('gone');
    await kubectl(`-n ${ns} create configmap one`);
    await kubectl(`-n ${ns} create deployment web --image=silly-demo:1 --replicas=3`);
    await kubectl(`delete namespace ${ns} --timeout=30s`);
    expect(await refused(`get namespace ${ns}`)).toContain('namespaces "gone" not found');
    await namespace('gone');
    expect(
      await kubectl(`-n ${ns} get pods,deployments,cm --field-selector=metadata.name!=kube-root-ca.crt -o name`),
    ).toBe('');
  });

  test('a namespace is refused new objects while it goes', async () => {
    const ns = await namespace('going');
    await kubectl(`-n ${ns} create configmap kept --from-literal=a=b`);
    await kubectl([
      '-n',
      ns,
      'patch',
      'cm',
      'kept',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":["example.com/hold"]}}',
    ]);
    await kubectl(`delete namespace ${ns} --wait=false`);
    expect(await refused(`-n ${ns} create configmap late --from-literal=a=b`)).toContain(
      'because it is being terminated',
    );
    await kubectl(`wait namespace ${ns} --for=condition=NamespaceFinalizersRemaining --timeout=20s`);
    await kubectl(['-n', ns, 'patch', 'cm', 'kept', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    await kubectl(`wait namespace ${ns} --for=delete --timeout=20s`);
  });
});
