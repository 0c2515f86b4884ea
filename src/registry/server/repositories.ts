import { isOf, isTagged, nameOf, readStored } from '../layout.ts';
import { type Descriptor, indexTypes } from '../oci.ts';
import { registryDomain } from '../reference.ts';
import type { ImageStore } from '../store.ts';

/** The store's images as a registry shows them: those whose names begin with `registry.localhost/`. */
export interface Repositories {
  /** Names of repositories, sorted. */
  names(): Promise<string[]>;
  /** Tags of a repository, sorted; undefined when there is no such repository. */
  tags(repository: string): Promise<string[] | undefined>;
  /** The manifest of a tag or digest: also one that only an index of the repository names. */
  find(repository: string, reference: string): Promise<Descriptor | undefined>;
  /** Manifests of the repository that refer to another one as their subject. */
  referrers(repository: string, subject: string): Promise<Descriptor[]>;
  /** Lets a tag or digest stand for a manifest. False when a blob that it needs is missing. */
  put(repository: string, reference: string, manifest: Descriptor, needed: readonly string[]): Promise<boolean>;
  /** Forgets a tag, or a digest with all its tags. False when it was not there. */
  remove(repository: string, reference: string): Promise<boolean>;
}

const isDigest = (reference: string) => reference.includes(':');

export function openRepositories(store: ImageStore): Repositories {
  const domain = `${registryDomain}/`;
  const prefixOf = (repository: string) => domain + repository;
  const storedName = (repository: string, reference: string) =>
    `${prefixOf(repository)}${isDigest(reference) ? '@' : ':'}${reference}`;
  const entriesOf = async (repository: string) =>
    (await store.entries()).filter((entry) => isOf(prefixOf(repository), entry));
  /** A manifest never changes: what it says of its subject is read once. */
  const described = new Map<string, Promise<Descriptor & { subject?: string }>>();

  function describe(entry: Descriptor) {
    const known = described.get(entry.digest);
    if (known) return known;
    const reading = readReferrer(store.dir, entry);
    described.set(entry.digest, reading);
    reading.catch(() => described.delete(entry.digest));
    return reading;
  }

  return {
    async names() {
      const all = (await store.entries()).map(nameOf).filter((name) => name.startsWith(domain));
      return [...new Set(all.map((name) => name.slice(domain.length).replace(/[:@].*$/, '')))].sort();
    },
    async tags(repository) {
      const entries = await entriesOf(repository);
      if (entries.length === 0) return undefined;
      return entries
        .filter(isTagged)
        .map((entry) => nameOf(entry).slice(prefixOf(repository).length + 1))
        .sort();
    },
    async find(repository, reference) {
      const entries = await entriesOf(repository);
      const name = storedName(repository, reference);
      if (!isDigest(reference)) return entries.find((entry) => nameOf(entry) === name);
      const own = entries.find((entry) => entry.digest === reference);
      return own ?? childOf(store.dir, entries, reference);
    },
    async referrers(repository, subject) {
      const all = await Promise.all((await entriesOf(repository)).map(describe));
      const unique = new Map(all.filter((each) => each.subject === subject).map((each) => [each.digest, each]));
      return [...unique.values()].map(({ subject: _, ...descriptor }) => descriptor);
    },
    put: (repository, reference, manifest, needed) => store.assign(storedName(repository, reference), manifest, needed),
    async remove(repository, reference) {
      const entries = await entriesOf(repository);
      const name = storedName(repository, reference);
      const gone = entries.filter((entry) =>
        isDigest(reference) ? entry.digest === reference : nameOf(entry) === name,
      );
      return store.unassign(gone.map(nameOf));
    },
  };
}

async function childOf(dir: string, entries: readonly Descriptor[], digest: string): Promise<Descriptor | undefined> {
  for (const entry of entries) {
    if (!indexTypes.has(entry.mediaType)) continue;
    const stored = await readStored(dir, entry.digest, entry.mediaType);
    const child = stored.kind === 'index' ? stored.index.manifests.find((each) => each.digest === digest) : undefined;
    if (child) return child;
  }
  return undefined;
}

async function readReferrer(dir: string, entry: Descriptor): Promise<Descriptor & { subject?: string }> {
  const stored = await readStored(dir, entry.digest, entry.mediaType);
  const { mediaType, digest, size } = entry;
  const { subject, artifactType, annotations } = stored.kind === 'index' ? stored.index : stored.manifest;
  const type = artifactType ?? (stored.kind === 'image' ? stored.manifest.config.mediaType : undefined);
  return {
    ...{ mediaType, digest, size },
    ...(type === undefined ? {} : { artifactType: type }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(subject === undefined ? {} : { subject: subject.digest }),
  };
}
