import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { Client } from '../client/index.ts';
import { isFields, type KubeObject, resourceOf } from '../machinery/index.ts';
import type { Manifest } from './control-plane.ts';
import { hasCondition, until } from './until.ts';

const MANIFEST = /\.(ya?ml|json)$/;
const definitions = resourceOf('apiextensions.k8s.io/v1', 'CustomResourceDefinition');

/** See ControlPlane.apply. */
export async function applyManifests(client: Client, manifests: readonly Manifest[]): Promise<KubeObject[]> {
  const objects = (await Promise.all(manifests.map(objectsOf))).flat();
  const isDefinition = ({ kind, apiVersion }: KubeObject): boolean =>
    kind === definitions.kind && apiVersion === 'apiextensions.k8s.io/v1';
  const defined = await Promise.all(objects.filter(isDefinition).map((object) => applyDefinition(client, object)));
  const applied: KubeObject[] = [...defined];
  for (const object of objects) if (!isDefinition(object)) applied.push(await applyOne(client, object));
  return applied;
}

async function applyDefinition(client: Client, definition: KubeObject): Promise<KubeObject> {
  const applied = await client.apply(definitions, definition, { fieldManager: 'envtest', force: true });
  const established = await until(client, definitions, applied.metadata, hasCondition('Established'));
  return established ?? applied;
}

async function applyOne(client: Client, object: KubeObject): Promise<KubeObject> {
  const resource = await client.resourceFor(object.apiVersion, object.kind);
  if (!resource) {
    throw new Error(
      `applying ${object.kind} ${object.metadata.name}: nothing serves ${object.kind} of ${object.apiVersion}; apply its CustomResourceDefinition first`,
    );
  }
  const metadata = resource.namespaced ? { namespace: 'default', ...object.metadata } : object.metadata;
  return client.apply(resource, { ...object, metadata }, { fieldManager: 'envtest', force: true });
}

async function objectsOf(manifest: Manifest): Promise<KubeObject[]> {
  if (typeof manifest !== 'string' && !(manifest instanceof URL)) return [manifest];
  const path = manifest instanceof URL ? fileURLToPath(manifest) : manifest;
  const files = (await stat(path)).isDirectory() ? await filesIn(path) : [path];
  return (await Promise.all(files.map(read))).flat();
}

async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names
    .filter((name) => MANIFEST.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** The objects of a file; a List stands for its items. Throws an Error that names the file and the document. */
async function read(file: string): Promise<KubeObject[]> {
  const documents = parseAllDocuments(await readFile(file, 'utf8'));
  return [...documents].flatMap((document, index) => {
    const fail = (what: string): Error => new Error(`reading ${file}, document ${index + 1}: ${what}`);
    const [problem] = document.errors;
    if (problem) throw fail(problem.message);
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (value === null || value === undefined) return [];
    const items =
      isFields(value) && value['kind'] === 'List' && Array.isArray(value['items']) ? value['items'] : [value];
    return items.map((item: unknown) => {
      if (isObject(item)) return item;
      throw fail('it is no Kubernetes object: apiVersion, kind and metadata.name are needed');
    });
  });
}

function isObject(value: unknown): value is KubeObject {
  if (!isFields(value) || !isFields(value['metadata'])) return false;
  const texts = [value['apiVersion'], value['kind'], value['metadata']['name']];
  return texts.every((text) => typeof text === 'string' && text !== '');
}
