// Custom resources as kube-apiserver serves them, through kubectl.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';

let homeport: TestHomeport;
const kubectl: TestHomeport['kubectl'] = (args, options) => homeport.kubectl(args, options);

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ships.sea.example.com}
spec:
  group: sea.example.com
  scope: Namespaced
  names: {plural: ships, singular: ship, kind: Ship, shortNames: [sh], categories: [fleet]}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}, scale: {specReplicasPath: .spec.boats, statusReplicasPath: .status.boats}}
      additionalPrinterColumns:
        - {name: Flag, type: string, jsonPath: .spec.flag}
        - {name: Boats, type: integer, jsonPath: .spec.boats, priority: 1}
        - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [flag]
              properties:
                flag: {type: string, pattern: '^[a-z]+$', maxLength: 10}
                boats: {type: integer, minimum: 0, maximum: 9, default: 2}
                rig: {type: string, enum: [sloop, brig]}
                hold:
                  type: object
                  default: {}
                  properties:
                    tons: {type: integer, default: 40}
                extra: {type: object, x-kubernetes-preserve-unknown-fields: true}
                size: {x-kubernetes-int-or-string: true}
            status: {type: object, properties: {boats: {type: integer}, where: {type: string}}}
`;

const ship = (name: string, spec: object): string =>
  JSON.stringify({ apiVersion: 'sea.example.com/v1', kind: 'Ship', metadata: { name }, spec });

beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'simulated']);
  await kubectl('create -f -', { input: definition });
  await kubectl('wait crd/ships.sea.example.com --for=condition=Established --timeout=10s');
});
afterAll(() => homeport.stop());

const refusal = async (input: string, ...flags: string[]): Promise<string> => {
  const outcome = await homeport.tryKubectl(['create', '-f', '-', ...flags], { input });
  expect(outcome.code, outcome.stdout).not.toBe(0);
  return outcome.stderr;
};

test('defaults are filled in, unknown fields pruned, marked ones preserved', async () => {
  const spec = { flag: 'red', extra: { any: ['thing'] }, size: '10%', nonsense: 1 };
  const warned = await homeport.tryKubectl(['create', '-f', '-', '--validate=warn'], { input: ship('hope', spec) });
  expect(warned.stderr).toContain('unknown field "spec.nonsense"');
  expect(JSON.parse(await kubectl('get ship hope -o jsonpath={.spec}'))).toEqual({
    flag: 'red',
    boats: 2,
    hold: { tons: 40 },
    extra: { any: ['thing'] },
    size: '10%',
  });
  expect(await refusal(ship('strict', spec))).toContain('unknown field "spec.nonsense"');
});

test('what is wrong is worded as kube-apiserver words it', async () => {
  expect(await refusal(ship('a', {}))).toContain('The Ship "a" is invalid: spec.flag: Required value');
  const many = await refusal(ship('b', { flag: 'RED', boats: 12, rig: 'dhow' }), '--validate=ignore');
  expect(many).toContain(`spec.flag: Invalid value: "RED": spec.flag in body should match '^[a-z]+$'`);
  expect(many).toContain('spec.boats: Invalid value: 12: spec.boats in body should be less than or equal to 9');
  expect(many).toContain('spec.rig: Unsupported value: "dhow": supported values: "sloop", "brig"');
  expect(await refusal(ship('c', { flag: 7 }), '--validate=ignore')).toContain(
    'spec.flag: Invalid value: "integer": spec.flag in body must be of type string: "integer"',
  );
});

test('columns, categories, short names, explain, scale', async () => {
  await kubectl('create -f -', { input: ship('dove', { flag: 'blue' }) });
  expect(await kubectl('get sh dove')).toMatch(/^NAME +FLAG +AGE\ndove +blue +\d+s\n$/);
  expect(await kubectl('get sh dove -o wide')).toMatch(/^NAME +FLAG +BOATS +AGE\ndove +blue +2/);
  expect(await kubectl('get fleet -o name')).toContain('ship.sea.example.com/dove');
  expect(await kubectl('explain ship.spec.rig')).toContain('<string>');
  await kubectl('scale ship/dove --replicas=5');
  expect(await kubectl('get ship dove -o jsonpath={.spec.boats}')).toBe('5');
});

test('status is written through its subresource alone', async () => {
  await kubectl('create -f -', { input: ship('owl', { flag: 'grey' }) });
  const patch = (text: string, ...flags: string[]) =>
    kubectl(['patch', 'ship', 'owl', '--type=merge', '-p', text, ...flags]);
  await patch('{"status":{"where":"sea"}}');
  expect(await kubectl('get ship owl -o jsonpath={.status.where}')).toBe('');
  await patch('{"status":{"where":"sea"},"spec":{"flag":"black"}}', '--subresource=status');
  expect(await kubectl('get ship owl -o jsonpath={.status.where},{.spec.flag},{.metadata.generation}')).toBe(
    'sea,grey,1',
  );
  await patch('{"spec":{"flag":"white"}}');
  expect(await kubectl('get ship owl -o jsonpath={.metadata.generation}')).toBe('2');
});

test('server-side apply knows the schema', async () => {
  const args = (manager: string) => ['apply', '--server-side', `--field-manager=${manager}`, '-f', '-'];
  await kubectl(args('one'), { input: ship('ark', { flag: 'green', boats: 3 }) });
  const second = await homeport.tryKubectl(args('two'), { input: ship('ark', { flag: 'green', boats: 4 }) });
  expect(second.stderr).toContain('.spec.boats');
});

test('a broken definition is refused with its faults', async () => {
  const broken = definition.replaceAll('ships', 'rafts').replace('type: integer, minimum', 'type: number4, minimum');
  const outcome = await homeport.tryKubectl('create -f -', { input: broken });
  expect(outcome.stderr).toContain('Unsupported value: "number4"');
});

test('with its definition, every object and the kind itself go', async () => {
  await kubectl('create -f -', {
    input: definition.replaceAll('ship', 'boat').replaceAll('Ship', 'Boat').replace('[sh]', '[bo]'),
  });
  await kubectl('wait crd/boats.sea.example.com --for=condition=Established --timeout=10s');
  await kubectl('create -f -', { input: ship('nut', { flag: 'tan' }).replace('Ship', 'Boat') });
  await kubectl('delete crd boats.sea.example.com --timeout=20s');
  // kubectl remembers for ten minutes what there was: the server says that it is gone.
  expect((await homeport.tryKubectl('get boats')).stderr).toContain('the server could not find the requested resource');
  expect(await kubectl('get crd -o name')).not.toContain('boats');
});
