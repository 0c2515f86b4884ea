import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { createPlatformContext } from '../../src/client/index.ts';
import { compose } from '../../src/compose/index.ts';
import type { Condition, Fields, KubeObject, Resource } from '../../src/machinery/index.ts';
import { namespaces, resource, startCluster, type TestCluster } from './cluster.ts';
import { eventually } from './run.ts';
import { root } from './tools.ts';

export const crds = resource(
  'apiextensions.k8s.io',
  'v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
  false,
);
export const definitions = resource(
  'kro.run',
  'v1alpha1',
  'resourcegraphdefinitions',
  'ResourceGraphDefinition',
  false,
);
export const configMaps = resource('', 'v1', 'configmaps', 'ConfigMap');
export const events = resource('', 'v1', 'events', 'Event');

interface Key {
  name: string;
  namespace?: string;
}

/** A control plane in memory that composes. */
export interface ComposeCluster {
  cluster: TestCluster;
  client: TestCluster['client'];
  apply(of: Resource, object: KubeObject): Promise<KubeObject>;
  namespace(name: string): Promise<string>;
  /** Resolves with the object as soon as it passes the test. */
  until(what: string, of: Resource, key: Key, test: (object: KubeObject) => boolean): Promise<KubeObject>;
  untilGone(of: Resource, key: Key): Promise<unknown>;
  /** Applies a definition and waits until its kind is served. */
  define(definition: KubeObject): Promise<unknown>;
  /** Ends the controllers of compose and starts new ones, as after a restart. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startComposeCluster(): Promise<ComposeCluster> {
  const cluster = await startCluster();
  const { client } = cluster;
  const apply: ComposeCluster['apply'] = (of, object) =>
    client.apply(of, object, { fieldManager: 'test', force: true });
  const until: ComposeCluster['until'] = (what, of, key, test) =>
    eventually(what, async () => {
      const found = await client.find(of, key);
      return found && test(found) && found;
    });
  for (const crd of compose.crds) await apply(crds, crd);
  let stopControllers = startControllers(cluster);
  return {
    cluster,
    client,
    apply,
    until,
    async namespace(name) {
      await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      return name;
    },
    untilGone: (of, key) => eventually(`no ${of.kind}`, async () => (await client.find(of, key)) === undefined),
    async define(definition) {
      await apply(definitions, definition);
      await until('the definition', definitions, { name: definition.metadata.name }, (it) => isTrue(it, 'Ready'));
    },
    async restart() {
      await stopControllers();
      stopControllers = startControllers(cluster);
    },
    async stop() {
      await stopControllers();
      await cluster.stop();
    },
  };
}

function startControllers(cluster: TestCluster): () => Promise<void> {
  const context = createPlatformContext(cluster.client, cluster.context.log);
  const controllers = compose.controllers(context);
  for (const controller of controllers) controller.start();
  return async () => {
    await Promise.all(controllers.map((controller) => controller.stop()));
    await context.stop();
  };
}

/** An object from the folder of inputs. */
export function input(file: string): KubeObject {
  return parse(readFileSync(join(root, 'test/inputs', file), 'utf8'));
}

export function conditionOf(object: KubeObject, type: string): Condition | undefined {
  return (object.status?.['conditions'] as Condition[] | undefined)?.find((condition) => condition.type === type);
}

/** True if a condition is, of the object as it is now. */
export function isTrue(object: KubeObject, type: string): boolean {
  const condition = conditionOf(object, type);
  return condition?.status === 'True' && condition.observedGeneration === object.metadata.generation;
}

/** An instance's status.nodes, by id. */
export function nodesOf(object: KubeObject): Record<string, { state: string; message?: string } | undefined> {
  const nodes = (object.status?.['nodes'] ?? []) as { id: string; state: string; message?: string }[];
  return Object.fromEntries(nodes.map((node) => [node.id, node]));
}

/** A definition of ConfigMaps, each with its data, in which `schema` and the other ids may be used. */
export function definitionOf(
  name: string,
  kind: string,
  maps: Record<string, Fields>,
  more: Record<string, Fields> = {},
): KubeObject {
  const resources = Object.entries(maps).map(([id, data]) => ({
    id,
    template: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `\${schema.metadata.name}-${id}` }, data },
    ...more[id],
  }));
  const schema = {
    apiVersion: 'v1',
    kind,
    spec: { text: 'string | default=hello', on: 'boolean | default=true', must: 'string' },
    status: { first: `\${${Object.keys(maps)[0]}.data.text}` },
  };
  return {
    apiVersion: 'kro.run/v1alpha1',
    kind: 'ResourceGraphDefinition',
    metadata: { name },
    spec: { schema, resources },
  };
}

/** An instance of a kind that definitionOf defines. */
export function instanceOf(kind: string, name: string, namespace: string, spec: Fields = {}): KubeObject {
  return { apiVersion: 'kro.run/v1', kind, metadata: { name, namespace }, spec };
}
