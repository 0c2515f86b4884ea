// What a person does with kubectl, on objects that need no running pod. What needs one is in pods.test.ts.
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

describe('about the server', () => {
  test('version', async () => {
    const version = JSON.parse(await kubectl('version -o json')) as {
      serverVersion: { major: string; gitVersion: string };
    };
    expect(version.serverVersion.major).toBe('1');
    expect(version.serverVersion.gitVersion).toMatch(/^v1\.34\.\d+/);
  });

  test('cluster-info', async () => {
    expect(await kubectl('cluster-info')).toContain(homeport.status.api);
  });

  test('api-versions', async () => {
    const versions = (await kubectl('api-versions')).split('\n');
    expect(versions).toEqual(
      expect.arrayContaining(['v1', 'apps/v1', 'kro.run/v1alpha1', 'rbac.authorization.k8s.io/v1']),
    );
  });

  test('api-resources, with short names and what can be done with each', async () => {
    const rows = await kubectl('api-resources --verbs=list,watch -o wide');
    expect(rows).toMatch(/^deployments\s+deploy\s+apps\/v1\s+true\s+Deployment\s+.*patch/m);
    expect(rows).toMatch(/^resourcegraphdefinitions\s+rgd\s+kro.run\/v1alpha1\s+false/m);
    expect(await kubectl('api-resources --api-group=apps -o name')).toContain('deployments.apps');
  });

  test('explain', async () => {
    const field = await kubectl('explain deployment.spec.strategy.rollingUpdate.maxSurge');
    expect(field).toMatch(/GROUP:\s+apps/);
    expect(field).toMatch(/FIELD: maxSurge <IntOrString>/);
    expect(await kubectl('explain pod.spec --recursive')).toMatch(/containers\s+<\[\]Container> -required-/);
    expect(await kubectl('explain rgd.spec')).toContain('resources');
    expect(await refused('explain deployment.spec.nonsense')).toContain('field "nonsense" does not exist');
  });

  test('auth whoami and can-i', async () => {
    expect(await kubectl('auth whoami')).toContain('system:masters');
    expect((await kubectl('auth can-i create deployments -A')).trim()).toBe('yes');
    const nobody = await homeport.tryKubectl('auth can-i delete pods --as nobody');
    expect(nobody.stdout.trim()).toBe('no');
    expect(await refused('get pods --as nobody')).toContain(
      'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "default"',
    );
    expect(await kubectl('auth can-i --list')).toMatch(/\*\.\*\s+\[\]\s+\[\]\s+\[\*\]/);
  });
});

describe('create', () => {
  test('each kind that kubectl has a word for', async () => {
    const ns = await namespace('create');
    await kubectl(`-n ${ns} create configmap settings --from-literal=colour=green --from-literal=size=3`);
    expect(await kubectl(`-n ${ns} get cm settings -o jsonpath={.data.colour}`)).toBe('green');
    await kubectl(`-n ${ns} create secret generic token --from-literal=key=very-secret`);
    expect(await kubectl(`-n ${ns} get secret token -o go-template={{.data.key|base64decode}}`)).toBe('very-secret');
    await kubectl(`-n ${ns} create deployment web --image=silly-demo:1 --replicas=3 --port=8080`);
    expect(await kubectl(`-n ${ns} get deploy web -o jsonpath={.spec.replicas}`)).toBe('3');
    await kubectl(`-n ${ns} create service clusterip web --tcp=80:8080`);
    expect(await kubectl(`-n ${ns} get svc web -o jsonpath={.spec.clusterIP}`)).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    await kubectl(`-n ${ns} create ingress web --rule=web.localhost/*=web:80`);
    await kubectl(`-n ${ns} create serviceaccount robot`);
    await kubectl(`-n ${ns} create role reader --verb=get,list --resource=pods`);
    await kubectl(`-n ${ns} create rolebinding robot --role=reader --serviceaccount=${ns}:robot`);
    expect((await kubectl(`-n ${ns} auth can-i list pods --as system:serviceaccount:${ns}:robot`)).trim()).toBe('yes');
  });

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

  test('twice is refused', async () => {
    const ns = await namespace('twice');
    expect(await refused(`create namespace ${ns}`)).toContain('namespaces "twice" already exists');
  });

  test('dry run leaves nothing behind', async () => {
    const ns = await namespace('dry');
    await kubectl(`-n ${ns} create configmap ghost --from-literal=a=b --dry-run=server`);
    expect(await refused(`-n ${ns} get configmap ghost`)).toContain('configmaps "ghost" not found');
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

const twoMaps = (colour: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: one, labels: {app: maps}}
data: {colour: ${colour}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two, labels: {app: maps}}
data: {colour: blue}
`;

describe('apply', () => {
  test('client side: created, unchanged, configured, pruned fields', async () => {
    const ns = await namespace('apply-client');
    const apply = (text: string) => kubectl(['-n', ns, 'apply', '-f', '-'], { input: text });
    expect(await apply(twoMaps('red'))).toContain('configmap/one created');
    expect(await apply(twoMaps('red'))).toContain('configmap/one unchanged');
    expect(await apply(twoMaps('green'))).toContain('configmap/one configured');
    expect(await kubectl(`-n ${ns} get cm one -o jsonpath={.data.colour}`)).toBe('green');
  });

  test('diff shows what apply would change', async () => {
    const ns = await namespace('diff');
    await kubectl(['-n', ns, 'apply', '-f', '-'], { input: twoMaps('red') });
    const same = await homeport.tryKubectl(['-n', ns, 'diff', '-f', '-'], { input: twoMaps('red') });
    expect(same).toMatchObject({ code: 0, stdout: '' });
    const other = await homeport.tryKubectl(['-n', ns, 'diff', '-f', '-'], { input: twoMaps('green') });
    expect(other.code).toBe(1);
    expect(other.stdout).toMatch(/-\s+colour: red\n\+\s+colour: green/);
  });

  test('server side: conflicts name the other manager, force takes over', async () => {
    const ns = await namespace('apply-server');
    const apply = (...flags: string[]) => ['-n', ns, 'apply', '--server-side', '-f', '-', ...flags];
    await kubectl(apply('--field-manager=first'), { input: twoMaps('red') });
    const error = await refused(apply('--field-manager=second'), twoMaps('green'));
    expect(error).toContain('conflict with "first"');
    expect(error).toContain('.data.colour');
    await kubectl(apply('--field-manager=second', '--force-conflicts'), { input: twoMaps('green') });
    const managers = await kubectl(
      `-n ${ns} get cm one --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}`,
    );
    expect(managers.split(' ').sort()).toEqual(['first', 'second']);
  });

  test('server side over what client-side apply made', async () => {
    const ns = await namespace('apply-both');
    await kubectl(['-n', ns, 'apply', '-f', '-'], { input: twoMaps('red') });
    await kubectl(['-n', ns, 'apply', '--server-side', '-f', '-'], { input: twoMaps('green') });
    expect(await kubectl(`-n ${ns} get cm one -o jsonpath={.data.colour}`)).toBe('green');
  });
});

describe('get', () => {
  let ns: string;
  beforeAll(async () => {
    ns = await namespace('get');
    await kubectl(['-n', ns, 'apply', '-f', '-'], { input: twoMaps('red') });
    await kubectl(`-n ${ns} create deployment web --image=silly-demo:1`);
  });

  test('every output', async () => {
    expect(await kubectl(`-n ${ns} get cm -l app=maps`)).toMatch(/^NAME +DATA +AGE\none +1 +\d+s\ntwo +1 +\d+s\n$/);
    expect(await kubectl(`-n ${ns} get cm one -o name`)).toBe('configmap/one\n');
    expect(JSON.parse(await kubectl(`-n ${ns} get cm one -o json`))).toMatchObject({ data: { colour: 'red' } });
    expect(await kubectl(`-n ${ns} get cm one -o yaml`)).toContain('colour: red');
    expect(await kubectl(`-n ${ns} get cm -l app=maps -o jsonpath={.items[*].metadata.name}`)).toBe('one two');
    expect(await kubectl(`-n ${ns} get cm one -o custom-columns=N:.metadata.name,C:.data.colour`)).toMatch(
      /N +C\none +red/,
    );
    expect(await kubectl(`-n ${ns} get deploy -o wide`)).toMatch(
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR/,
    );
    expect(await kubectl(`-n ${ns} get cm --show-labels`)).toContain('app=maps');
    expect(await kubectl(`-n ${ns} get cm -L app --no-headers -l app=maps`)).toMatch(/^one +1 +\d+s +maps/);
    expect(await kubectl(`-n ${ns} get deploy,cm -o name`)).toContain('deployment.apps/web');
    expect(await kubectl(`-n ${ns} get all -o name`)).toContain('deployment.apps/web');
  });

  test('labels, fields, all namespaces, sorting and pages', async () => {
    expect(await kubectl(`-n ${ns} get cm -l app!=maps,!other -o name`)).toBe('configmap/kube-root-ca.crt\n');
    expect(await kubectl(`-n ${ns} get cm --field-selector metadata.name=two -o name`)).toBe('configmap/two\n');
    expect(await kubectl('get cm -A -l app=maps --no-headers')).toMatch(/^\S+ +one/);
    expect(await kubectl(`-n ${ns} get cm -l app=maps --sort-by=.data.colour -o name`)).toBe(
      'configmap/two\nconfigmap/one\n',
    );
    expect(await kubectl(`-n ${ns} get cm -l app=maps --chunk-size=1 -o name`)).toBe('configmap/one\nconfigmap/two\n');
    expect(await refused(`-n ${ns} get cm --field-selector data.colour=red`)).toContain(
      'field label not supported: data.colour',
    );
    expect(await refused(`-n ${ns} get cm -l a=b=c`)).toContain("found '=', expected: ',' or 'end of string'");
  });

  test('-w prints what changes, as it changes', async () => {
    const watch = homeport.follow(`-n ${ns} get cm two -w -o jsonpath={.data.colour},`);
    await watch.until('blue,');
    await kubectl(['-n', ns, 'patch', 'cm', 'two', '--type=merge', '-p', '{"data":{"colour":"violet"}}']);
    await watch.until('blue,violet,');
    await watch.stop();
  });

  test('describe', async () => {
    const text = await kubectl(`-n ${ns} describe deployment web`);
    expect(text).toContain('ScalingReplicaSet');
    expect(text).toMatch(/Replicas:\s+1 desired/);
    expect(await kubectl(`describe namespace ${ns}`)).toMatch(/Status:\s+Active/);
    expect(await kubectl('describe node homeport')).toContain('Allocatable');
  });
});

describe('change', () => {
  let ns: string;
  beforeAll(async () => {
    ns = await namespace('change');
    await kubectl(`-n ${ns} create deployment web --image=silly-demo:1`);
    await kubectl(['-n', ns, 'apply', '-f', '-'], { input: twoMaps('red') });
  });

  test('patch: strategic, merge and JSON', async () => {
    const container =
      '{"spec":{"template":{"spec":{"containers":[{"name":"silly-demo","env":[{"name":"A","value":"1"}]}]}}}}';
    await kubectl(['-n', ns, 'patch', 'deploy', 'web', '-p', container]);
    const path = '{.spec.template.spec.containers[0]}';
    expect(JSON.parse(await kubectl(`-n ${ns} get deploy web -o jsonpath=${path}`))).toMatchObject({
      image: 'silly-demo:1',
      env: [{ name: 'A', value: '1' }],
    });
    await kubectl(['-n', ns, 'patch', 'cm', 'one', '--type=merge', '-p', '{"data":{"colour":null,"size":"3"}}']);
    expect(await kubectl(`-n ${ns} get cm one -o jsonpath={.data}`)).toBe('{"size":"3"}');
    await kubectl([
      '-n',
      ns,
      'patch',
      'cm',
      'one',
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/data/size","value":"4"}]',
    ]);
    expect(await kubectl(`-n ${ns} get cm one -o jsonpath={.data.size}`)).toBe('4');
    expect(
      await refused([
        '-n',
        ns,
        'patch',
        'cm',
        'one',
        '--type=json',
        '-p',
        '[{"op":"test","path":"/data/size","value":"5"}]',
      ]),
    ).toMatch(/invalid|test/i);
  });

  test('label, annotate, replace, edit, set image', async () => {
    await kubectl(`-n ${ns} label cm one tier=back`);
    expect(await refused(`-n ${ns} label cm one tier=front`)).toContain("'tier' already has a value");
    await kubectl(`-n ${ns} label cm one tier=front --overwrite`);
    await kubectl(`-n ${ns} label cm one tier-`);
    await kubectl(`-n ${ns} annotate cm one note=hello`);
    expect(await kubectl(`-n ${ns} get cm one -o jsonpath={.metadata.annotations.note}`)).toBe('hello');
    const object = JSON.parse(await kubectl(`-n ${ns} get cm one -o json`)) as { data: Record<string, string> };
    await kubectl(['-n', ns, 'replace', '-f', '-'], {
      input: JSON.stringify({ ...object, data: { replaced: 'yes' } }),
    });
    expect(await kubectl(`-n ${ns} get cm one -o jsonpath={.data}`)).toBe('{"replaced":"yes"}');
    expect(await refused(['-n', ns, 'replace', '-f', '-'], JSON.stringify(object))).toContain(
      'the object has been modified',
    );
    await kubectl(`-n ${ns} edit cm one`, { env: { KUBE_EDITOR: 'sed -i s/replaced/edited/' } });
    expect(await kubectl(`-n ${ns} get cm one -o jsonpath={.data.edited}`)).toBe('yes');
    await kubectl(`-n ${ns} set image deploy/web silly-demo=silly-demo:2`);
    expect(await kubectl(`-n ${ns} get deploy web -o jsonpath={..image}`)).toBe('silly-demo:2');
  });

  test('scale', async () => {
    await kubectl(`-n ${ns} scale deploy/web --replicas=4`);
    expect(await kubectl(`-n ${ns} get deploy web -o jsonpath={.spec.replicas}`)).toBe('4');
    expect(await kubectl(`-n ${ns} get deploy web --subresource=scale`)).toMatch(
      /^NAME +DESIRED +AVAILABLE +AGE\nweb +4 +\d+ +\d+s\n$/,
    );
    expect(await refused(`-n ${ns} scale deploy/web --current-replicas=1 --replicas=2`)).toContain(
      'Expected replicas to be 1',
    );
  });
});

describe('delete', () => {
  test('background, orphan and foreground', async () => {
    const ns = await namespace('cascade');
    for (const mode of ['background', 'orphan', 'foreground']) {
      await kubectl(`-n ${ns} create deployment ${mode} --image=silly-demo:1`);
      await kubectl(`-n ${ns} wait rs -l app=${mode} --for=create --timeout=20s`);
      await kubectl(`-n ${ns} delete deploy ${mode} --cascade=${mode}`);
    }
    await kubectl(`-n ${ns} wait rs -l app=background --for=delete --timeout=20s`);
    expect(await kubectl(`-n ${ns} get rs -l app=foreground -o name`)).toBe('');
    expect(await kubectl(`-n ${ns} get rs -l app=orphan -o name`)).toMatch(/^replicaset.apps\/orphan-/);
    expect(await kubectl(`-n ${ns} get rs -l app=orphan -o jsonpath={..ownerReferences}`)).toBe('');
  });

  test('by label, all, missing, and a namespace with what is in it', async () => {
    const ns = await namespace('gone');
    await kubectl(['-n', ns, 'apply', '-f', '-'], { input: twoMaps('red') });
    await kubectl(`-n ${ns} create deployment web --image=silly-demo:1 --replicas=3`);
    await kubectl(`-n ${ns} delete cm -l app=maps`);
    expect(await kubectl(`-n ${ns} get cm -l app=maps -o name`)).toBe('');
    expect(await refused(`-n ${ns} delete cm nobody`)).toContain('configmaps "nobody" not found');
    await kubectl(`-n ${ns} delete cm nobody --ignore-not-found`);
    await kubectl(`delete namespace ${ns} --timeout=30s`);
    expect(await refused(`get namespace ${ns}`)).toContain('namespaces "gone" not found');
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

describe('less common commands', () => {
  test('cordon, taint, evict by drain, and back', async () => {
    const ns = await namespace('drain');
    await kubectl(`-n ${ns} create deployment web --image=silly-demo:1`);
    await kubectl(`-n ${ns} rollout status deploy/web --timeout=30s`);
    const pod = (await kubectl(`-n ${ns} get pod -o name`)).trim();
    await kubectl('cordon homeport');
    expect(await kubectl('get node homeport')).toContain('Ready,SchedulingDisabled');
    expect(await kubectl(`drain homeport --force --pod-selector=app=web --timeout=20s`)).toContain(`${pod} evicted`);
    await kubectl('uncordon homeport');
    await kubectl(`-n ${ns} rollout status deploy/web --timeout=30s`);
    await kubectl('taint node homeport example.com/kept=yes:PreferNoSchedule');
    expect(await kubectl('describe node homeport')).toMatch(/Taints: +example.com\/kept=yes:PreferNoSchedule/);
    await kubectl('taint node homeport example.com/kept-');
  });

  test('expose, run and set', async () => {
    const ns = await namespace('verbs');
    await kubectl(`-n ${ns} run one --image=silly-demo:1 --port=8080 --env=A=b --labels=app=one --expose`);
    await kubectl(`-n ${ns} expose pod one --name=again --port=80 --target-port=8080 --type=NodePort`);
    expect(await kubectl(`-n ${ns} get svc again -o jsonpath={.spec.selector}`)).toBe('{"app":"one"}');
    await kubectl(`-n ${ns} create deployment web --image=silly-demo:1`);
    await kubectl(`-n ${ns} set env deploy/web A=1 B=2`);
    await kubectl(`-n ${ns} set env deploy/web A-`);
    await kubectl(`-n ${ns} set resources deploy/web --limits=memory=64Mi`);
    await kubectl(`-n ${ns} set serviceaccount deploy/web default`);
    expect(
      JSON.parse(await kubectl(`-n ${ns} get deploy web -o jsonpath={.spec.template.spec}`)) as object,
    ).toMatchObject({
      serviceAccountName: 'default',
      containers: [{ env: [{ name: 'B', value: '2' }], resources: { limits: { memory: '64Mi' } } }],
    });
    expect(await refused(`-n ${ns} set image deploy/web silly-demo=`)).toContain(
      'spec.template.spec.containers[0].image: Required value',
    );
  });

  test('what is not there says so', async () => {
    expect(await refused('get things')).toContain('doesn\'t have a resource type "things"');
    expect(await refused('top nodes')).toContain('Metrics API not available');
  });
});
