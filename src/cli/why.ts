import { openProvenance } from '../compose/index.ts';
import { clientSource, diagnose, findTroubles, renderTroubles, renderWhy } from '../diagnose/index.ts';
import type { KubeObject } from '../machinery/index.ts';
import { colours } from './colours.ts';
import type { Connection, ConnectionFlags } from './connection.ts';
import { listResources, readObject } from './resource-argument.ts';

export interface WhyFlags extends ConnectionFlags {
  output?: string;
  allNamespaces?: boolean;
}

/** What is wrong with one object. */
export async function whyOne(connection: Connection, words: readonly string[], { output }: WhyFlags): Promise<void> {
  const { client } = connection;
  const resources = await listResources(connection);
  const object = await readObject(connection, resources, words);
  const source = clientSource({ client, resources });
  const now = new Date();
  const diagnosis = await diagnose({ object, source, provenance: await openProvenance(client), now });
  console.log(output === 'json' ? JSON.stringify(diagnosis) : renderWhy(diagnosis, { now, colours }));
}

/** What is wrong with anything in a namespace, or anywhere. */
export async function whyAll(connection: Connection, { output, allNamespaces = false }: WhyFlags): Promise<void> {
  const { client } = connection;
  const resources = await listResources(connection);
  const namespace = allNamespaces ? undefined : connection.namespace;
  const now = new Date();
  const provenance = await openProvenance(client);
  const { found, looked, hidden } = await findTroubles({ client, resources, namespace, provenance, now });
  if (output === 'json') {
    const list = found.map(({ object, diagnosis }) => ({ ...identity(object), ...diagnosis }));
    console.log(JSON.stringify(list));
  } else if (found.length > 0) {
    console.log(renderTroubles(found, { now, colours, namespaces: allNamespaces }));
  } else if (looked === 0) {
    console.log(`there is nothing to look at in namespace ${namespace}: it is empty, or does not exist`);
  } else {
    const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
    console.log(`${colours.green('✓')} everything is healthy${where} ${colours.dim(`(${looked} objects)`)}`);
  }
  if (hidden.length > 0) console.error(`not looked at, because you may not list them: ${hidden.join(', ')}`);
}

const identity = ({ kind, apiVersion, metadata: { namespace, name } }: KubeObject) => ({
  ...{ kind, apiVersion, namespace: namespace ?? null, name },
});
