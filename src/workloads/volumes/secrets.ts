import type { Client } from '../../client/index.ts';
import { VolumeError } from '../../volumes/index.ts';
import { secrets } from '../resources.ts';
import type { Claim, SecretReference } from './types.ts';

/** Parameters of a class with this prefix are for those who call the driver, not for the driver. */
export const reservedPrefix = 'csi.storage.k8s.io/';

type Parameters = Readonly<Record<string, string>>;

/** What names in parameters may be made from: '${pvc.name}'. */
type Words = Record<string, string | undefined>;

/**
 * The Secret that a class's parameters name for a purpose ('provisioner', 'node-stage' …), with the words in them
 * replaced. undefined when they name none.
 * @throws VolumeError when only half of a name is there, or a word is unknown.
 */
export function secretFor(parameters: Parameters, purpose: string, words: Words): SecretReference | undefined {
  const of = (part: string) => parameters[`${reservedPrefix}${purpose}-secret-${part}`];
  const [name, namespace] = [of('name'), of('namespace')];
  if (name === undefined && namespace === undefined) return undefined;
  if (!name || !namespace) {
    const message = `parameters ${purpose}-secret-name and ${purpose}-secret-namespace must be set together`;
    throw new VolumeError('InvalidArgument', message);
  }
  return { name: replaced(name, words), namespace: replaced(namespace, words) };
}

function replaced(text: string, words: Words): string {
  return text.replace(/\$\{([^}]*)\}/g, (whole, word: string) => {
    const value = words[word];
    if (value === undefined) throw new VolumeError('InvalidArgument', `${whole} is unknown in the name of a secret`);
    return value;
  });
}

export function wordsOf(claim: Claim, volumeName: string): Words {
  const { name, namespace, annotations = {} } = claim.metadata;
  const own = Object.entries(annotations).map(([key, value]) => [`pvc.annotations['${key}']`, value]);
  return { ...Object.fromEntries(own), 'pv.name': volumeName, 'pvc.name': name, 'pvc.namespace': namespace };
}

/** What a Secret says, or nothing without one. @throws VolumeError when it is missing. */
export async function readSecret(client: Client, reference: SecretReference | undefined): Promise<Parameters> {
  if (!reference?.name) return {};
  const { name, namespace = '' } = reference;
  const secret = await client.find(secrets, { name, namespace });
  if (!secret) {
    const message = `error getting secret ${name} in namespace ${namespace}: secrets "${name}" not found`;
    throw new VolumeError('NotFound', message);
  }
  const entries = Object.entries((secret['data'] ?? {}) as Record<string, string>);
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}
