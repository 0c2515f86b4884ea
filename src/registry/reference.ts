import { isDigest } from './oci.ts';

/** An image reference in its full form, as containerd and docker normalize it. */
export interface ImageReference {
  /** 'docker.io' when none was given. */
  domain: string;
  /** Without domain: 'library/silly-demo'. */
  path: string;
  /** 'latest' when neither tag nor digest was given. */
  tag: string | undefined;
  /** 'sha256:…' */
  digest: string | undefined;
}

/** The registry that Homeport itself serves, on whatever port. */
export const registryDomain = 'registry.localhost';

const pathComponent = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const domainForm =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::\d{1,5})?$/;
const tagForm = /^\w[\w.-]{0,127}$/;

/**
 * Reads an image reference as docker does (distribution's reference grammar): a first component with a dot, a colon or
 * the name localhost is a registry, everything else lives on docker.io, single names in its `library`.
 * @throws Error 'couldn't parse image name "X": invalid reference format', the text the kubelet shows.
 */
export function parseReference(text: string): ImageReference {
  const wrong = (why = 'invalid reference format') =>
    new Error(`couldn't parse image name ${JSON.stringify(text)}: ${why}`);
  if (text.length === 0 || text.length > 512) throw wrong();
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw wrong();
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !isTag(tag)) throw wrong();
  const { domain, path } = splitDomain(hasTag ? named.slice(0, colon) : named);
  if (!domainForm.test(domain)) throw wrong();
  if (path !== path.toLowerCase()) throw wrong('repository name must be lowercase');
  if (!isRepositoryPath(path)) throw wrong();
  return { domain: canonical(domain), path, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest };
}

export const isTag = (text: string) => tagForm.test(text);

export const isRepositoryPath = (text: string) => text.split('/').every((component) => pathComponent.test(component));

/** The embedded registry's port may be another one at each start: its images are known without. */
const canonical = (domain: string) => (/^registry\.localhost(?::\d+)?$/.test(domain) ? registryDomain : domain);

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isDomain = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
  if (!isDomain) return { domain: 'docker.io', path: slash < 0 ? `library/${name}` : name };
  const path = name.slice(slash + 1);
  if (first !== 'docker.io' && first !== 'index.docker.io') return { domain: first, path };
  return { domain: 'docker.io', path: path.includes('/') ? path : `library/${path}` };
}

/** 'docker.io/library/silly-demo' */
export function repositoryOf(reference: ImageReference): string {
  return `${reference.domain}/${reference.path}`;
}

/** 'docker.io/library/silly-demo:1.4.305', with '@sha256:…' when it names a digest. */
export function formatReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${repositoryOf(reference)}${tag}${digest}`;
}

/** The reference as people write it: 'silly-demo:1.4.305' for what docker.io/library holds. */
export function familiarReference(reference: ImageReference): string {
  const full = formatReference(reference);
  if (full.startsWith('docker.io/library/')) return full.slice('docker.io/library/'.length);
  return full.startsWith('docker.io/') ? full.slice('docker.io/'.length) : full;
}
