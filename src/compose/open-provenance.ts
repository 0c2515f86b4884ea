import type { Client } from '../client/index.ts';
import type { Provenance } from '../diagnose/index.ts';

/** Tells which field of an instance a value of what it is made of comes from. Loaded only by those who ask. */
export async function openProvenance(client: Client): Promise<Provenance> {
  const { createProvenance } = await import('./provenance.ts');
  return createProvenance(client);
}
