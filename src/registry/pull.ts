import { createTurns } from '../host/index.ts';
import type { Descriptor } from './oci.ts';
import { familiarReference, formatReference, parseReference, registryDomain, repositoryOf } from './reference.ts';
import { type Credential, createKeyring } from './remote/credential.ts';
import type { Insecure } from './remote/endpoint.ts';
import { type BlobProgress, fetchImage } from './remote/fetch-image.ts';
import { openSession } from './remote/session.ts';
import type { ImageStore, StoredImage } from './store.ts';

type Tell = (progress: BlobProgress) => void;

/** Brings images from registries into the store. */
export interface Puller {
  /**
   * Brings an image here, or brings it up to date. An image that was built or pushed here is itself what its name means:
   * no registry is asked about it.
   * @param configurations docker configurations with credentials to try; without one that fits, nobody is told who we are
   * @param tell is told of each blob as it comes
   * @throws Error 'failed to pull and unpack image "NAME": …', in containerd's words.
   */
  pull(reference: string, configurations: readonly unknown[], tell?: Tell): Promise<StoredImage>;
}

export interface PullerOptions {
  /** Registries that are spoken to without TLS. */
  insecure?: Insecure;
  /** Unpacks what it pulls at once: an image that cannot be unpacked is then one that cannot be had. */
  unpack?: boolean;
}

/** Images that are pulled at a time. */
const mostAtOnce = 5;

export function createPuller(store: ImageStore, { insecure = new Set(), unpack = false }: PullerOptions = {}): Puller {
  const fetching = new Map<string, Promise<void>>();
  const turns = createTurns(mostAtOnce);

  async function pullWith(name: string, credential: Credential | undefined, tell: Tell): Promise<StoredImage> {
    const reference = parseReference(name);
    const session = openSession({ reference, action: 'pull', credential, insecure });
    for (let attempt = 1; ; attempt++) {
      const known = attempt === 1 ? (await store.resolve(name))?.digest : undefined;
      const manifest = await fetchImage({ session, dir: store.dir, reference, known, fetching, tell });
      if (unpack) await extract(store, manifest);
      const image = await store.adopt(name, manifest);
      if (image) return image;
      if (attempt === 3) throw new Error('its layers are removed again and again while it is pulled');
    }
  }

  return {
    async pull(name, configurations, tell = () => undefined) {
      const reference = parseReference(name);
      const present = await store.resolve(name);
      if (present && !present.pulled) return present;
      const full = formatReference(reference);
      if (reference.domain === registryDomain) throw new Error(notFound(full) + (await hint(store, name)));
      const credentials = createKeyring(configurations).lookup(repositoryOf(reference));
      let failure: unknown;
      for (const credential of credentials.length > 0 ? credentials : [undefined]) {
        try {
          return await turns.take(() => pullWith(name, credential, tell));
        } catch (error) {
          failure = error;
        }
      }
      const why = failure instanceof Error ? failure.message : String(failure);
      throw new Error(`failed to pull and unpack image ${JSON.stringify(full)}: ${why}${await hint(store, name)}`, {
        cause: failure,
      });
    },
  };
}

async function extract(store: ImageStore, manifest: Descriptor): Promise<void> {
  try {
    await store.unpackManifest(manifest);
  } catch (error) {
    throw new Error(`failed to extract layer: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** Of the embedded registry, whose store this is. */
const notFound = (name: string) =>
  `failed to pull and unpack image ${JSON.stringify(name)}: failed to resolve reference ${JSON.stringify(name)}: ${name}: not found`;

/** For the name of something that is built here, what there is of it is the better answer. */
async function hint(store: ImageStore, name: string): Promise<string> {
  const tags = await store.builtTags(name);
  if (tags.length === 0) return '';
  const familiar = familiarReference(parseReference(name));
  return `; it is not in the local image store either (tags there: ${tags.join(', ')}): build it with "homeport image build FOLDER -t ${familiar}"`;
}
