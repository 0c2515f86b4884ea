import type { Client } from '../client/index.ts';
import { compareText, controllerOf, type KubeObject, type Resource } from '../machinery/index.ts';
import { createListings } from './listings.ts';
import type { Provenance } from './provenance.ts';
import { listingSource } from './source.ts';
import { nameOf } from './status.ts';
import type { Diagnosis } from './types.ts';
import { diagnose } from './why.ts';

export interface TroublesInput {
  client: Client;
  /** Every resource that can be listed. */
  resources: readonly Resource[];
  /** Leave out for the whole cluster. */
  namespace?: string | undefined;
  provenance?: Provenance;
  now: Date;
}

export interface Trouble {
  object: KubeObject;
  diagnosis: Diagnosis;
}

/** What is not healthy, and what that answer is worth. */
export interface Troubles {
  /** What somebody has to fix comes before what only needs time; then by namespace, kind and name. */
  found: Trouble[];
  /** Objects that were looked at, with all that they own. */
  looked: number;
  /** Resources that the asker may not list, as 'ingresses.networking.k8s.io'. */
  hidden: string[];
}

/** Diagnoses that run at the same time. */
const atOnce = 8;

/** Asks why of every object that nothing else controls, and keeps what is not healthy. */
export async function findTroubles({ client, resources, namespace, ...more }: TroublesInput): Promise<Troubles> {
  const listings = createListings({ client, resources, everywhere: namespace === undefined });
  const source = listingSource(client, listings);
  const objects = await listings.all(namespace);
  const found: Trouble[] = [];
  const waiting = rootsOf(objects).values();
  const work = async () => {
    for (const object of waiting) {
      const diagnosis = await diagnose({ object, source, ...more });
      if (!diagnosis.healthy && isOwn(object, diagnosis)) found.push({ object, diagnosis });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { found: found.sort(byUrgency), looked: objects.length, hidden: listings.hidden() };
}

/** Objects without a controller, or with one that is not among them. */
function rootsOf(objects: readonly KubeObject[]): KubeObject[] {
  const uids = new Set(objects.map((object) => object.metadata.uid));
  return objects.filter((object) => {
    const controller = controllerOf(object);
    return controller === undefined || !uids.has(controller.uid);
  });
}

/** A Service and an Ingress only point to others, which speak for themselves. */
function isOwn(object: KubeObject, diagnosis: Diagnosis): boolean {
  if (object.kind !== 'Service' && object.kind !== 'Ingress') return true;
  return diagnosis.fixableBy !== null && diagnosis.object === nameOf(object);
}

function byUrgency(a: Trouble, b: Trouble): number {
  const late = Number(a.diagnosis.fixableBy === null) - Number(b.diagnosis.fixableBy === null);
  return late || compareText(sortKey(a), sortKey(b));
}

const sortKey = ({ object }: Trouble): string => `${object.metadata.namespace ?? ''} ${nameOf(object)}`;
