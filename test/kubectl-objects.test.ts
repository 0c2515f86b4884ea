// Objects as a person makes, changes and removes them, with the newest kubectl and the oldest that is promised to work.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeForeignCertificates } from './support/certificates.ts';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { run } from './support/run.ts';
import { tool } from './support/tools.ts';
import { type Typed, type } from './support/typed.ts';

let homeport: TestHomeport;
let folder: string;

const map = (name: string, colour: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {set: maps}}\ndata: {colour: ${colour}}\n`;
const files: Record<string, string> = {
  'red.yaml': `${map('one', 'red')}---\n${map('two', 'red')}`,
  'green.yaml': map('one', 'green'),
  'two.yaml': map('two', 'red'),
  'base/one.yaml': map('one', 'red'),
  'base/kustomization.yaml':
    'resources: [one.yaml]\nnamePrefix: k-\nconfigMapGenerator: [{name: made, literals: [size=3]}]\n',
  'settings.env': 'A=1\nB=2\n',
};

beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'simulated']);
  folder = join(homeport.dataDir, 'typed');
  mkdirSync(join(folder, 'base'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  await writeForeignCertificates(folder);
});
afterAll(() => homeport.stop());

const generators = (ns: string): Typed[] => [
  ['create deployment web --image=nginx --replicas=2 --port=80', 'deployment.apps/web created'],
  ['create job once --image=busybox -- echo hello', 'job.batch/once created'],
  ["create cronjob often --image=busybox '--schedule=*/5 * * * *' -- date", 'cronjob.batch/often created'],
  ['create job now --from=cronjob/often', 'job.batch/now created'],
  ['get job now -o jsonpath={.metadata.annotations}', '"cronjob.kubernetes.io/instantiate":"manual"'],
  ['create configmap settings --from-env-file=settings.env', 'configmap/settings created'],
  ['get configmap settings -o jsonpath={.data.A}{.data.B}', '=12'],
  ['create secret generic plain --from-literal=key=very-secret --type=example.com/own', 'secret/plain created'],
  ['get secret plain -o go-template={{.type}}:{{.data.key|base64decode}}', '=example.com/own:very-secret'],
  ['create secret tls pair --cert=ada.crt --key=ada.key', 'secret/pair created'],
  ['create secret docker-registry pull --docker-server=r.example --docker-username=u --docker-password=p', 'created'],
  ['get secret pull -o jsonpath={.type}', '=kubernetes.io/dockerconfigjson'],
  ['create quota most --hard=pods=20,requests.cpu=4 --scopes=NotTerminating', 'resourcequota/most created'],
  ['create role reader --verb=get,list --resource=pods,deployments.apps --resource-name=web', 'reader created'],
  ['get role reader -o jsonpath={.rules[*].resources}', '=["pods"] ["deployments"]'],
  ['create serviceaccount robot', 'serviceaccount/robot created'],
  [`create rolebinding robots --role=reader --serviceaccount=${ns}:robot --user=ann --group=devs`, 'robots created'],
  ['get rolebinding robots -o jsonpath={.subjects[*].kind}', '=User Group ServiceAccount'],
  [`auth can-i get pods/web --as=system:serviceaccount:${ns}:robot`, '=yes\n'],
  [`create clusterrole ${ns} --verb=get --non-resource-url=/logs/*`, `clusterrole.rbac.authorization.k8s.io/${ns}`],
  [`create clusterrole ${ns}-all --aggregation-rule=example.com/all=yes`, `${ns}-all created`],
  [`create clusterrolebinding ${ns} --clusterrole=${ns} --user=ann`, `${ns} created`],
  ['create token robot --duration=30m --audience=vault', /^ey[\w-]+(\.[\w-]+){2}$/],
  ['✗ create token robot --duration=5m', 'may not specify a duration less than 10 minutes'],
  ['create token robot --bound-object-kind=Secret --bound-object-name=plain', /^ey/],
  [
    'create ingress site --rule=web.example/api*=web:80,tls=pair --class=none',
    'ingress.networking.k8s.io/site created',
  ],
  ['create poddisruptionbudget calm --selector=app=web --min-available=50%', 'poddisruptionbudget.policy/calm created'],
  [`create priorityclass ${ns} --value=1000 --description=first --preemption-policy=Never`, `${ns} created`],
  ['create service clusterip inside --tcp=80:8080', 'service/inside created'],
  ['create service clusterip headless --clusterip=None --tcp=80', 'service/headless created'],
  ['create service nodeport port --tcp=80:8080', 'service/port created'],
  ['get service port -o jsonpath={.spec.ports[0].nodePort}', /^3\d{4}$/],
  ['create service externalname other --external-name=db.example', 'service/other created'],
  ['create service loadbalancer balanced --tcp=80', 'service/balanced created'],
  [`create namespace ${ns}-2`, `namespace/${ns}-2 created`],
  ['create deployment dry --image=nginx --dry-run=server -o jsonpath={.spec.strategy.type}', '=RollingUpdate'],
  ['✗ get deployment dry', 'deployments.apps "dry" not found'],
  ['✗ create configmap settings', 'configmaps "settings" already exists'],
  ['✗ create deployment Web --image=nginx', 'metadata.name: Invalid value: "Web"'],
  [`delete clusterrole/${ns} clusterrole/${ns}-all clusterrolebinding/${ns} priorityclass/${ns} ns/${ns}-2`, 'deleted'],
];

const applied: Typed[] = [
  ['apply -f red.yaml', '=configmap/one created\nconfigmap/two created\n'],
  ['apply -f red.yaml', '=configmap/one unchanged\nconfigmap/two unchanged\n'],
  ['apply -f green.yaml --dry-run=server', '=configmap/one configured (server dry run)\n'],
  ['apply view-last-applied configmap/one', 'colour: red'],
  ['apply -f green.yaml', '=configmap/one configured\n'],
  ['get cm one -o jsonpath={.data.colour}', '=green'],
  ['apply -f - --server-side', '=configmap/one serverside-applied\n', map('one', 'blue')],
  ['✗ apply --server-side --field-manager=second -f green.yaml', 'conflict with "kubectl"'],
  ['apply --server-side --field-manager=second --force-conflicts -f green.yaml', 'configmap/one serverside-applied'],
  [
    'get cm one --show-managed-fields -o jsonpath={range.metadata.managedFields[*]}{.manager}:{.operation},{end}',
    /second:Apply,/,
  ],
  ['apply -k base', /^configmap\/k-made-\w+ created\nconfigmap\/k-one created\n$/],
  ['kustomize base', 'name: k-one'],
  ['delete -k base', 'configmap "k-one" deleted'],
  ['apply --prune -l set=maps --prune-allowlist=core/v1/ConfigMap -f two.yaml', 'configmap/one pruned'],
  ['get cm -l set=maps -o name', '=configmap/two\n'],
  ['✗ apply -f -', 'unknown field "dta"', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndta: {}\n'],
  ['apply --validate=ignore -f -', 'created', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndta: {}\n'],
  ['✗ apply -f -', 'no matches for kind "Thing"', 'apiVersion: no.such/v1\nkind: Thing\nmetadata: {name: a}\n'],
];

const applySet: Typed[] = [
  ['apply --prune --applyset=secrets/set -f red.yaml', 'configmap/two created'],
  ['apply --prune --applyset=secrets/set -f two.yaml', 'configmap/one pruned'],
  ['get cm -l applyset.kubernetes.io/part-of -o name', '=configmap/two\n'],
  ['get secret set -o jsonpath={.metadata.annotations}', '"applyset.kubernetes.io/contains-group-kinds":"ConfigMap"'],
];

const changed: Typed[] = [
  ['create -f red.yaml --save-config', 'configmap/two created'],
  ['edit cm one', 'configmap/one edited'],
  ['get cm one -o jsonpath={.data.colour}', '=violet'],
  ['replace -f green.yaml', '=configmap/one replaced\n'],
  ['replace --force -f red.yaml', 'configmap/two replaced'],
  ['✗ replace -f -', 'configmaps "three" not found', map('three', 'red')],
  ['patch cm one -p \'{"data":{"strategic":"1"}}\'', '=configmap/one patched\n'],
  ['patch cm one --type=merge -p \'{"data":{"colour":null}}\'', '=configmap/one patched\n'],
  [
    'patch cm one --type=json -p \'[{"op":"test","path":"/data/strategic","value":"1"},{"op":"move","from":"/data/strategic","path":"/data/json"}]\'',
    '=configmap/one patched\n',
  ],
  ['get cm one -o jsonpath={.data}', '={"json":"1"}'],
  ['✗ patch cm one --type=json -p \'[{"op":"test","path":"/data/json","value":"2"}]\'', 'The request is invalid'],
  ['patch cm one -p \'{"data":{"json":"1"}}\'', '=configmap/one patched (no change)\n'],
  ['create deployment web --image=nginx', ''],
  ['patch deployment web --subresource=scale --type=merge -p \'{"spec":{"replicas":0}}\'', 'web patched'],
  ['get deployment web -o jsonpath={.spec.replicas}', '=0'],
  ['patch deployment web --subresource=status --type=merge -p \'{"status":{"collisionCount":3}}\'', 'web patched'],
  ['get deployment web --subresource=status -o jsonpath={.status.collisionCount}', '=3'],
  ['label cm -l set=maps tier=back', '=configmap/one labeled\nconfigmap/two labeled\n'],
  ['✗ label cm one tier=front', "'tier' already has a value (back), and --overwrite is false"],
  ['label cm one tier=front --overwrite', '=configmap/one labeled\n'],
  ['label cm one --list', 'tier=front'],
  ['label cm one tier-', '=configmap/one unlabeled\n'],
  ["✗ label cm one tier='not valid'", 'invalid label value'],
  ['annotate cm note=hello --field-selector=metadata.name=two', '=configmap/two annotated\n'],
  ['get cm two -o jsonpath={.metadata.annotations.note}', '=hello'],
  ['annotate cm two note-', '=configmap/two annotated\n'],
  ['✗ annotate cm one note=late --resource-version=1', 'the object has been modified'],
];

const deleted: Typed[] = [
  ['create -f red.yaml', ''],
  ['delete -f green.yaml --dry-run=server', 'configmap "one" deleted'],
  ['delete -f green.yaml', 'configmap "one" deleted'],
  ['✗ delete cm one', 'configmaps "one" not found'],
  ['delete cm one --ignore-not-found', '='],
  ['delete cm -l set=maps', 'configmap "two" deleted'],
  ...['background', 'foreground', 'orphan'].flatMap((cascade): Typed[] => [
    [`create deployment ${cascade} --image=nginx`, ''],
    [`rollout status deployment/${cascade} --timeout=20s`, 'successfully rolled out'],
    [`delete deployment ${cascade} --cascade=${cascade}`, `deployment.apps "${cascade}" deleted`],
  ]),
  ['wait rs -l app=background --for=delete --timeout=20s', ''],
  ['get rs -l app=foreground -o name', '='],
  ['get rs -l app=orphan -o jsonpath={..metadata.ownerReferences}', '='],
  ['delete rs --all --now', 'deleted'],
  ['run idle --image=nginx --restart=Never', 'pod/idle created'],
  ['wait pod/idle --for=condition=Ready --timeout=20s', 'condition met'],
  ['delete pod idle --grace-period=0 --force', 'pod "idle" force deleted'],
  ['get pod idle --ignore-not-found', '='],
  ['create -f -', '', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}\n'],
  ['delete cm held --wait=false', 'configmap "held" deleted'],
  ['✗ delete cm held --timeout=1s', 'timed out waiting for the condition'],
  ['patch cm held --type=merge -p \'{"metadata":{"finalizers":null}}\'', 'configmap/held patched'],
  ['wait cm/held --for=delete --timeout=10s', ''],
  ['delete cm --all --ignore-not-found', 'kube-root-ca.crt'],
];

describe.each(['kubectl', 'kubectl-1.30'] as const)('%s', (program) => {
  const typed = async (name: string, commands: (ns: string) => readonly Typed[], env: Record<string, string> = {}) => {
    const ns = `${name}-${program.replace('.', '-')}`;
    const typist = { program, homeport, folder, env };
    await type(typist, ns, [[`create namespace ${ns}`, ''], ...commands(ns)]);
    return { typist, ns };
  };

  test('creates each kind that it has a word for', () => typed('made', generators));

  test('applies, client-side and server-side, with kustomize and with pruning', async () => {
    const { ns, typist } = await typed('applied', () => applied);
    await type({ ...typist, env: { KUBECTL_APPLYSET: 'true' } }, `${ns}-set`, [
      [`create namespace ${ns}-set`, ''],
      ...applySet,
    ]);
  });

  test('shows what apply would change', async () => {
    const { ns } = await typed('diff', () => [['apply -f red.yaml', '']]);
    const env = { KUBECONFIG: homeport.status.kubeconfig, HOME: homeport.dataDir };
    const difference = (file: string) => run(tool(program), ['-n', ns, 'diff', '-f', file], { env, cwd: folder });
    expect(await difference('red.yaml')).toMatchObject({ code: 0, stdout: '' });
    const { code, stdout } = await difference('green.yaml');
    expect(stdout).toMatch(/-\s+colour: red\n\+\s+colour: green/);
    expect(code).toBe(1);
  });

  test('edits, replaces, patches, labels and annotates', async () => {
    await typed('changed', () => changed, { KUBE_EDITOR: 'sed -i s/colour:.red/colour:\\ violet/' });
  });

  test('deletes, with what depends on it or without', () => typed('deleted', () => deleted));
});
