import { formatReference, parseReference, registryDomain, repositoryOf } from './reference.ts';
import { createKeyring } from './remote/credential.ts';
import type { Insecure } from './remote/endpoint.ts';
import type { BlobProgress } from './remote/fetch-image.ts';
import { sendImage } from './remote/push-image.ts';
import { openSession } from './remote/session.ts';
import type { ImageStore } from './store.ts';

export interface PushOptions {
  store: ImageStore;
  /** The image as the store knows it. */
  image: string;
  /** Where it goes. Default: where its name says. */
  destination?: string | undefined;
  /** Docker configurations with credentials. */
  configurations: readonly unknown[];
  insecure: Insecure;
  tell: (progress: BlobProgress) => void;
}

/**
 * Sends an image of the store to a registry. The embedded one shows the store: there it only gets the name.
 * @returns the name that it has there, in full, and the digest
 * @throws Error 'failed to push "NAME": …'
 */
export async function pushImage(options: PushOptions): Promise<{ reference: string; digest: string }> {
  const { store, image, configurations, insecure, tell } = options;
  const found = await store.find(image);
  if (!found) throw new Error(`pushing ${image}: it is not in the local image store`);
  const destination = parseReference(options.destination ?? image);
  if (destination.digest !== undefined) throw new Error(`pushing ${image}: its new name must be a tag, not a digest`);
  const reference = formatReference(destination);
  if (destination.domain === registryDomain) {
    await store.assign(reference, found, []);
    return { reference, digest: found.digest };
  }
  const credentials = createKeyring(configurations).lookup(repositoryOf(destination));
  const session = openSession({ reference: destination, action: 'push', credential: credentials[0], insecure });
  try {
    const digest = await sendImage({ session, dir: store.dir, tell }, found, destination.tag ?? 'latest');
    return { reference, digest };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`failed to push ${JSON.stringify(reference)}: ${why}`, { cause: error });
  }
}
