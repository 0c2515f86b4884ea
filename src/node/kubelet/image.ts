import type { NodeImage } from '../images.ts';
import type { Container } from '../pod.ts';
import type { KubeletDeps } from './deps.ts';
import type { ContainerRecord, Waiting } from './record.ts';

/** Back-off of image pulls and of restarts: the kubelet's. Milliseconds. */
export const backOffFirst = 10_000;
export const backOffMost = 300_000;

/** Either the image, or what the container waits for and how long, in milliseconds, until it is worth trying again. */
export type ImageResult = { image: NodeImage } | { waiting: Waiting; retryAfter: number };

type Emit = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

/** Finds a container's image, with the states, events and back-off of the kubelet's image manager. */
export async function findImage(
  record: ContainerRecord,
  deps: Pick<KubeletDeps, 'images' | 'runtime'>,
  emit: Emit,
): Promise<ImageResult> {
  const { container } = record;
  const name = container.image ?? '';
  const found = await lookUp(name, deps).catch((error: Error) => error);
  if (found instanceof Error) {
    // A name that can be read is not at fault: the store is, and may be right again soon.
    const isName = await deps.images.tagsOf(name).then(
      () => true,
      () => false,
    );
    if (isName) return missing(record, container, async () => found.message, emit);
    const message = `Failed to apply default image tag ${JSON.stringify(name)}: ${found.message}`;
    emit('Warning', 'InspectFailed', message);
    emit('Warning', 'Failed', 'Error: InvalidImageName');
    return { waiting: { is: 'waiting', reason: 'InvalidImageName', message }, retryAfter: backOffMost };
  }
  if (found) {
    record.imageBackOff = undefined;
    emit('Normal', 'Pulled', `Container image "${name}" already present on machine`);
    return { image: found };
  }
  return missing(record, container, () => deps.images.explainMissing(name), emit);
}

async function lookUp(
  name: string,
  { images, runtime }: Pick<KubeletDeps, 'images' | 'runtime'>,
): Promise<NodeImage | undefined> {
  const image = await images.resolve(name);
  if (image || runtime.name !== 'simulated') return image;
  // Nothing runs there, so any image will do; but a tag that is not among those of a known repository is a mistake.
  return (await images.tagsOf(name)).length > 0 ? undefined : assumedImage(name);
}

function assumedImage(reference: string): NodeImage {
  const config = { entrypoint: ['simulated'], cmd: [], env: [], workingDir: '/', user: '', labels: {} };
  return { reference, digest: `sha256:${'0'.repeat(64)}`, size: 0, base: 'host', config };
}

async function missing(
  record: ContainerRecord,
  container: Container,
  explain: () => Promise<string>,
  emit: Emit,
): Promise<ImageResult> {
  const name = container.image ?? '';
  if (container.imagePullPolicy === 'Never') {
    const message = `Container image "${name}" is not present with pull policy of Never`;
    emit('Warning', 'ErrImageNeverPull', message);
    emit('Warning', 'Failed', 'Error: ErrImageNeverPull');
    return { waiting: { is: 'waiting', reason: 'ErrImageNeverPull', message }, retryAfter: backOffFirst };
  }
  const pending = record.imageBackOff;
  if (pending && Date.now() < pending.until) {
    if (record.state.is !== 'waiting' || record.state.reason !== 'ImagePullBackOff') {
      emit('Normal', 'BackOff', `Back-off pulling image "${name}"`);
      emit('Warning', 'Failed', 'Error: ImagePullBackOff');
    }
    const message = `Back-off pulling image "${name}": ErrImagePull: ${pending.failure}`;
    return { waiting: { is: 'waiting', reason: 'ImagePullBackOff', message }, retryAfter: pending.until - Date.now() };
  }
  const failure = await explain();
  const delay = Math.min(pending ? pending.delay * 2 : backOffFirst, backOffMost);
  record.imageBackOff = { delay, until: Date.now() + delay, failure };
  emit('Normal', 'Pulling', `Pulling image "${name}"`);
  emit('Warning', 'Failed', `Failed to pull image "${name}": ${failure}`);
  emit('Warning', 'Failed', 'Error: ErrImagePull');
  // Looked at again soon, only to show the back-off.
  return { waiting: { is: 'waiting', reason: 'ErrImagePull', message: failure }, retryAfter: Math.min(delay, 3_000) };
}
