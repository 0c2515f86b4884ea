// What a person asks about the server and what is in it, with the newest kubectl and the oldest that is promised to work.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { follow, run } from './support/run.ts';
import { tool } from './support/tools.ts';
import { type Typed, type } from './support/typed.ts';

let homeport: TestHomeport;
let folder: string;

const map = (name: string, colour: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {set: maps}}\ndata: {colour: ${colour}}\n`;
const role = (ns: string): string =>
  `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader, namespace: ${ns}}\n` +
  'rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]\n';

beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'simulated']);
  folder = join(homeport.dataDir, 'typed');
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'maps.yaml'),
    ['red', 'blue', 'green'].map((each, at) => map(`m${at}`, each)).join('---\n'),
  );
});
afterAll(() => homeport.stop());

const outputs: Typed[] = [
  ['create -f maps.yaml', ''],
  ['create deployment web --image=nginx', ''],
  ['get cm -l set=maps', /^NAME +DATA +AGE\nm0 +1 +\d+s\nm1 +1 +\d+s\nm2 +1 +\d+s\n$/],
  ['get cm m0 --no-headers -L set --show-labels', /^m0 +1 +\d+s +maps +set=maps\n$/],
  ['get deployment -o wide', /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb /],
  ['get cm m0 -o name', '=configmap/m0\n'],
  ['get cm m0 -o json', '"colour": "red"'],
  ['get cm m0 -o yaml', '  colour: red\n'],
  ['get cm -l set=maps -o jsonpath={.items[*].metadata.name}', '=m0 m1 m2'],
  ['get cm -o jsonpath={.items[?(@.data.colour=="blue")].metadata.name}', '=m1'],
  ['get cm -l set=maps -o jsonpath-as-json={.items[*].data}', '"colour": "green"'],
  ['get cm -l set=maps -o go-template={{len\u00a0.items}}'.replace('\u00a0', "' '"), '=3'],
  ['get cm -l set=maps -o custom-columns=N:.metadata.name,C:.data.colour', /^N +C\nm0 +red\nm1 +blue\nm2 +green\n$/],
  ['get cm -l set=maps --sort-by=.data.colour -o name', '=configmap/m1\nconfigmap/m2\nconfigmap/m0\n'],
  ['get cm -l set=maps --chunk-size=1 -o name', '=configmap/m0\nconfigmap/m1\nconfigmap/m2\n'],
  ["get cm -l 'set in (maps,other),!none' --field-selector=metadata.name!=m1 -o name", '=configmap/m0\nconfigmap/m2\n'],
  ['get cm -A --field-selector=metadata.name=m2 --no-headers', /^\S+ +m2 /],
  ['get all -o name', 'deployment.apps/web'],
  ['get deployment/web configmap/m0 -o name', '=deployment.apps/web\nconfigmap/m0\n'],
  ['get -f maps.yaml -o name', '=configmap/m0\nconfigmap/m1\nconfigmap/m2\n'],
  ['get cm none --ignore-not-found', '='],
  ['✗ get cm none', 'Error from server (NotFound): configmaps "none" not found'],
  ['✗ get cm --field-selector=data.colour=red', 'field label not supported: data.colour'],
  ['✗ get cm -l a=b=c', "found '=', expected: ',' or 'end of string'"],
  ['✗ get things', 'the server doesn\'t have a resource type "things"'],
  ['top nodes', /^NAME +CPU\(cores\) .*\nhomeport +\d+m +\d+% +\d+Mi /],
  ['describe namespace default', /Status: +Active/],
  ['describe node homeport', 'Allocatable'],
  ['describe cm m0', /colour:\n----\nred/],
  ['get --raw /api/v1/namespaces/default', '"kind":"Namespace"'],
  ['get --raw /readyz?verbose', 'readyz check passed'],
  ['cluster-info dump --namespaces=default --output-directory=dump', 'Cluster info dumped to dump'],
];

const about = (ns: string): Typed[] => [
  ['version', /Server Version: v1\.34\.\d+/],
  ['cluster-info', 'Kubernetes control plane'],
  ['config view --minify', 'certificate-authority-data: DATA+OMITTED'],
  ['config current-context', 'homeport'],
  ['api-versions', /^apps\/v1\n.*^kro\.run\/v1alpha1\n.*^v1\n$/ms],
  [
    'api-resources --verbs=list,watch -o wide',
    /^deployments +deploy +apps\/v1 +true +Deployment +create,delete,[^ ]*patch/m,
  ],
  ['api-resources --namespaced=false -o name', /^nodes$/m],
  ['api-resources --api-group=apps --no-headers --sort-by=name', /^controllerrevisions .*^statefulsets +sts /ms],
  ['api-resources --categories=all -o name', /^pods$/m],
  ['explain deployment.spec.strategy.rollingUpdate.maxSurge', 'FIELD: maxSurge <IntOrString>'],
  ['explain hpa --api-version=autoscaling/v1', /VERSION: +v1$/m],
  ['explain rgd.spec', 'resources'],
  ['✗ explain deployment.spec.nonsense', 'field "nonsense" does not exist'],
  ['auth whoami', 'system:masters'],
  ['auth can-i create deployments.apps -A', '=yes\n'],
  ['auth can-i --list', /^\*\.\* +\[\] +\[\] +\[\*\]/m],
  ['✗ auth can-i get /logs --as=nobody', ''],
  ['✗ get pods --as=nobody', 'User "nobody" cannot list resource "pods" in API group ""'],
  ['auth reconcile -f -', '=role.rbac.authorization.k8s.io/reader reconciled\n', role(ns)],
  ['create rolebinding ann --role=reader --user=ann', ''],
  ['auth can-i get pods/one --as=ann', '=yes\n'],
];

/** How many fields a kind has, however deep: facts of 1.34. */
const fields: [kind: string, count: number][] = [
  ['pod', 1335],
  ['cronjob', 1238],
  ['ingress', 71],
  ['hpa', 187],
];

describe.each(['kubectl', 'kubectl-1.30'] as const)('%s', (program) => {
  const ns = (name: string): string => `${name}-${program.replace('.', '-')}`;
  const typed = (name: string, commands: readonly Typed[]) =>
    type({ program, homeport, folder }, ns(name), [[`create namespace ${ns(name)}`, ''], ...commands]);
  const env = () => ({ KUBECONFIG: homeport.status.kubeconfig, HOME: homeport.dataDir });

  test('gets objects in every form', async () => {
    await typed('outputs', outputs);
    expect(readdirSync(join(folder, 'dump'))).toEqual(expect.arrayContaining(['default', 'nodes.json']));
  });

  test('watches', async () => {
    await typed('watched', [['create -f maps.yaml', '']]);
    const args = ['-n', ns('watched'), 'get', 'cm', 'm0', '-w', '--output-watch-events'];
    const watch = follow(tool(program), args, env());
    await watch.until('ADDED ');
    await homeport.kubectl(`-n ${ns('watched')} label cm m0 seen=yes`);
    await watch.until('MODIFIED ');
    await homeport.kubectl(`-n ${ns('watched')} delete cm m0`);
    await watch.until('DELETED ');
    await watch.stop();
  });

  test('asks about the server, its kinds and who may what', () => typed('about', about(ns('about'))));

  test.each(fields)('explains every field of a %s', async (kind, count) => {
    const explain = async (...args: string[]) =>
      (await run(tool(program), ['explain', ...args], { env: env() })).stdout;
    const all = await explain(kind, '--recursive');
    expect(all.match(/^ +\S+\t<.+>/gm)).toHaveLength(count);
    expect(await explain(`${kind}.spec`)).not.toContain('<no description>');
  });

  test('passes requests on as a proxy', async () => {
    const proxy = follow(tool(program), ['proxy', '--port=0'], env());
    const [, address] = /on (127\.0\.0\.1:\d+)/.exec(await proxy.until('Starting to serve on 127')) ?? [];
    const answer = await fetch(`http://${address}/api/v1/namespaces/default`);
    expect(await answer.json()).toMatchObject({ kind: 'Namespace', metadata: { name: 'default' } });
    await proxy.stop();
  });
});
