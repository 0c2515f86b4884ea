import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '../client/index.ts';
import { openProvenance } from '../compose/index.ts';
import { clientSource, diagnose, ownershipTree, renderTree } from '../diagnose/index.ts';
import { type Condition, isReason, type KubeObject, type Resource, yaml } from '../machinery/index.ts';
import { buildImage, openImageStore } from '../registry/index.ts';
import { colours } from './colours.ts';
import type { Connection } from './connection.ts';
import { listResources } from './resource-argument.ts';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));
/** Where the demonstration runs. */
export const namespace = 'a-team';
const fieldManager = 'homeport-demo';
/** How long the application may take to become ready, in milliseconds. */
const patience = 60_000;

/** Builds the example's image, defines what an Application is, and runs one. */
export async function demo(connection: Connection, dataDir: string, apps: string): Promise<void> {
  const { client } = connection;
  const store = await openImageStore(join(dataDir, 'images'));
  await step('Pack examples/silly-demo into an image', () =>
    buildImage({ store, folder: join(examples, 'silly-demo'), tags: ['silly-demo:1.4.305'] }),
  );
  await step('Define what an Application is (examples/application/definition.yaml)', async () =>
    untilReady(client, await apply(client, example('definition.yaml'))),
  );
  console.log(`\n${text('silly-demo.yaml').trimEnd().replace(/^/gm, '    ')}\n`);
  const application = await step(`Apply these ten lines in the namespace ${namespace}`, async () => {
    await apply(client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const object = example('silly-demo.yaml');
    return apply(client, { ...object, metadata: { ...object.metadata, namespace } });
  });
  const ready = await step('Wait until it is ready', () => untilReady(client, application));
  await report(connection, ready);
  const { port } = new URL(apps);
  const url = `http://silly-demo.localhost:${port}`;
  console.log(`\n${colours.bold(url)} answers: ${await answer(apps, `silly-demo.localhost:${port}`)}`);
  console.log(`\nNow break it, and ask why:
  kubectl -n ${namespace} patch application silly-demo --type merge -p '{"spec":{"tag":"this-tag-does-not-exist"}}'
  npx homeport why application/silly-demo -n ${namespace}`);
}

/** Takes all of it away again. */
export async function removeDemo(client: Client): Promise<void> {
  await step(`Delete the namespace ${namespace} and the definition`, async () => {
    for (const object of [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      example('definition.yaml'),
    ]) {
      const resource = await resourceOfObject(client, object);
      await client.delete(resource, { name: object.metadata.name }).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error;
      });
      await untilGone(client, object);
    }
  });
}

/** Does one thing, says what, and how long it took. */
async function step<T>(what: string, action: () => Promise<T>): Promise<T> {
  const start = performance.now();
  if (process.stdout.isTTY) process.stdout.write(`${colours.dim('…')} ${what}`);
  const result = await action().catch((error: unknown) => {
    console.log(`${process.stdout.isTTY ? '\r' : ''}${colours.red('✗')} ${what}`);
    throw error;
  });
  const took = `${((performance.now() - start) / 1000).toFixed(1)} s`;
  console.log(`${process.stdout.isTTY ? '\r' : ''}${colours.green('✓')} ${what} ${colours.dim(`(${took})`)}`);
  return result;
}

const text = (file: string): string => readFileSync(join(examples, 'application', file), 'utf8');
const example = (file: string): KubeObject => yaml().parse(text(file)) as KubeObject;

async function apply(client: Client, object: KubeObject): Promise<KubeObject> {
  return client.apply(await resourceOfObject(client, object), object, { fieldManager, force: true });
}

async function resourceOfObject(client: Client, { apiVersion, kind }: KubeObject): Promise<Resource> {
  const resource = await client.resourceFor(apiVersion, kind);
  if (!resource) throw new Error(`the server does not serve ${kind} (${apiVersion})`);
  return resource;
}

/** Watches an object until it is ready, or patience is at an end; returns how it is then. */
async function untilReady(client: Client, object: KubeObject): Promise<KubeObject> {
  let last = object;
  for await (const event of changes(client, object)) {
    last = event.object;
    if (isReady(last)) break;
  }
  return last;
}

/** Ready as it is now; and, where its old version answers while the new one cannot start, nothing is wrong with that. */
function isReady({ metadata, status }: KubeObject): boolean {
  const conditions = (status?.['conditions'] ?? []) as Condition[];
  const told = conditions.filter(({ type }) => type === 'Ready' || type === 'Developer');
  const isTrue = (condition: Condition): boolean =>
    condition.status === 'True' && (condition.observedGeneration ?? metadata.generation) === metadata.generation;
  return told.some(({ type }) => type === 'Ready') && told.every(isTrue);
}

/** Waits until an object that is being deleted has gone. */
async function untilGone(client: Client, object: KubeObject): Promise<void> {
  const there = await client.find(await resourceOfObject(client, object), object.metadata);
  if (!there) return;
  const { resourceVersion } = there.metadata;
  for await (const { type } of changes(client, object, resourceVersion)) if (type === 'DELETED') return;
  throw new Error(`${object.kind} ${object.metadata.name} is still there: "homeport why -A" may say what keeps it`);
}

/** How an object changes, from now or from a revision on, for as long as there is patience. */
async function* changes(client: Client, { apiVersion, kind, metadata }: KubeObject, resourceVersion?: string) {
  const resource = await resourceOfObject(client, { apiVersion, kind, metadata });
  const { name, namespace } = metadata;
  const fieldSelector = `metadata.name=${name}`;
  const signal = AbortSignal.timeout(patience);
  yield* client.watch(resource, { namespace, fieldSelector, resourceVersion, signal });
}

async function report(connection: Connection, object: KubeObject): Promise<void> {
  const { client } = connection;
  const source = clientSource({ client, resources: await listResources(connection) });
  console.log(`\n${renderTree(await ownershipTree(object, source), { now: new Date(), colours })}`);
  const diagnosis = await diagnose({ object, source, provenance: await openProvenance(client), now: new Date() });
  if (!diagnosis.healthy) throw new Error(`the application is not ready: ${diagnosis.cause}`);
}

/** What an application answers to GET /, asked by its host name as a browser would. */
function answer(apps: string, host: string): Promise<string> {
  return new Promise((settle, reject) => {
    const outgoing = request(apps, { headers: { host } }, (response) => {
      response.setEncoding('utf8');
      let body = '';
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => settle(body.trim()));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
