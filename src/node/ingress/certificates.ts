import { createSecureContext, type SecureContext } from 'node:tls';
import type { Informers } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import { secrets } from '../pod.ts';

/** Reads a Secret. Rejects when there is none. */
export type SecretReader = (namespace: string, name: string) => Promise<KubeObject>;

/** The certificates of Ingresses, by the names of their hosts. */
export interface Certificates {
  /** What a client that asks for this name is shown; undefined when no Ingress has a certificate for it. */
  contextFor(serverName: string): Promise<SecureContext | undefined>;
  /** What is wrong with a Secret that an Ingress names, as a sentence, or undefined. */
  obstacleOf(namespace: string, name: string): Promise<string | undefined>;
}

interface Loaded {
  version: string;
  result: Promise<SecureContext | Error>;
}

/**
 * Secrets are followed by their metadata only, and read when a client first asks: private keys are kept nowhere but in
 * the contexts that are made from them.
 * @param secretsOf 'NAMESPACE/NAME' of the Secret of each host; a host is as in Ingresses: 'app.example.org',
 * '*.example.org', or '*' for any.
 */
export function createCertificates(
  informers: Informers,
  readSecret: SecretReader,
  secretsOf: () => ReadonlyMap<string, string>,
): Certificates {
  const informer = informers.for(secrets, true);
  const loaded = new Map<string, Loaded>();
  informer.addHandler({ remove: ({ metadata }) => void loaded.delete(`${metadata.namespace}/${metadata.name}`) });

  function load(key: string): Promise<SecureContext | Error> {
    const version = informer.get(key)?.metadata.resourceVersion;
    const present = loaded.get(key);
    if (present?.version === version && present) return present.result;
    const result = readContext(readSecret, key);
    if (version === undefined) return result;
    loaded.set(key, { version, result });
    return result;
  }

  return {
    async contextFor(serverName) {
      const known = secretsOf();
      const name = serverName.toLowerCase();
      const key = known.get(name) ?? known.get(name.replace(/^[^.]*/, '*')) ?? known.get('*');
      const context = key === undefined ? undefined : await load(key);
      return context instanceof Error ? undefined : context;
    },
    async obstacleOf(namespace, name) {
      const context = await load(`${namespace}/${name}`);
      return context instanceof Error ? context.message : undefined;
    },
  };
}

async function readContext(readSecret: SecretReader, key: string): Promise<SecureContext | Error> {
  const [namespace = '', name = ''] = key.split('/');
  try {
    const secret = await readSecret(namespace, name);
    const data = (secret['data'] ?? {}) as Partial<Record<string, string>>;
    for (const field of ['tls.crt', 'tls.key']) if (!data[field]) return new Error(`the Secret ${key} has no ${field}`);
    const decoded = (field: string) => Buffer.from(data[field] ?? '', 'base64');
    return createSecureContext({ cert: decoded('tls.crt'), key: decoded('tls.key') });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return new Error(`the certificate of the Secret ${key} cannot be used: ${message}`);
  }
}
