import { goDuration } from '../../machinery/index.ts';
import type { NodeImage } from '../images.ts';
import type { Pod } from '../pod.ts';
import type { KubeletDeps } from './deps.ts';
import { pullSecretsOf } from './pull-secrets.ts';
import type { ContainerRecord, ImagePull, Waiting } from './record.ts';

/** Back-off of image pulls and of restarts: the kubelet's. Milliseconds. */
export const backOffFirst = 10_000;
export const backOffMost = 300_000;

/**
 * The image; or what the container waits for and how long, in milliseconds, until it is worth trying again; or that a
 * pull is under way: its end calls `changed`.
 */
export type ImageResult = { image: NodeImage } | { waiting: Waiting; retryAfter: number } | { pulling: true };

export interface ImageContext {
  deps: Pick<KubeletDeps, 'client' | 'recorder' | 'images' | 'runtime'>;
  pod: Pod;
  emit(type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** A pull has ended: look at the container again. */
  changed(): void;
}

/** Finds or pulls a container's image, with the states, events and back-off of the kubelet's image manager. */
export async function findImage(record: ContainerRecord, context: ImageContext): Promise<ImageResult> {
  const { deps, emit } = context;
  const name = record.container.image ?? '';
  if (record.pull?.name === name) {
    const { outcome } = record.pull;
    if (!outcome) return { pulling: true };
    record.pull = undefined;
    if ('failure' in outcome) return failed(record, outcome.failure);
    record.imageBackOff = undefined;
    return outcome;
  }
  const found = await lookUp(name, deps).catch((error: Error) => error);
  if (found instanceof Error) return unreadable(record, found, context);
  const policy = record.container.imagePullPolicy ?? 'IfNotPresent';
  if (found && (policy !== 'Always' || !deps.runtime.runsPrograms)) {
    record.imageBackOff = undefined;
    emit('Normal', 'Pulled', `Container image "${name}" already present on machine`);
    return { image: found };
  }
  if (policy === 'Never') {
    const message = `Container image "${name}" is not present with pull policy of Never`;
    emit('Warning', 'ErrImageNeverPull', message);
    emit('Warning', 'Failed', 'Error: ErrImageNeverPull');
    return { waiting: { is: 'waiting', reason: 'ErrImageNeverPull', message }, retryAfter: backOffFirst };
  }
  return backingOff(record, context) ?? startPull(record, name, context);
}

async function lookUp(
  name: string,
  { images, runtime }: Pick<KubeletDeps, 'images' | 'runtime'>,
): Promise<NodeImage | undefined> {
  const image = await images.resolve(name);
  if (image || runtime.runsPrograms) return image;
  // Nothing runs there, so any image will do; but a tag that is not among those of a known repository is a mistake.
  return (await images.tagsOf(name)).length > 0 ? undefined : assumedImage(name);
}

function assumedImage(reference: string): NodeImage {
  const config = { entrypoint: ['simulated'], cmd: [], env: [], workingDir: '/', user: '', labels: {} };
  return { reference, digest: `sha256:${'0'.repeat(64)}`, size: 0, base: 'host', config };
}

/** The look-up itself went wrong. */
async function unreadable(record: ContainerRecord, error: Error, context: ImageContext): Promise<ImageResult> {
  const { deps, emit } = context;
  const name = record.container.image ?? '';
  // A name that can be read is not at fault: the store is, and may be right again soon.
  const isName = await deps.images.tagsOf(name).then(
    () => true,
    () => false,
  );
  if (isName) {
    const message = `Failed to inspect image "${name}": ${error.message}`;
    emit('Warning', 'InspectFailed', message);
    emit('Warning', 'Failed', 'Error: ImageInspectError');
    return { waiting: { is: 'waiting', reason: 'ImageInspectError', message }, retryAfter: backOffFirst };
  }
  const message = `Failed to apply default image tag ${JSON.stringify(name)}: ${error.message}`;
  emit('Warning', 'InspectFailed', message);
  emit('Warning', 'Failed', 'Error: InvalidImageName');
  return { waiting: { is: 'waiting', reason: 'InvalidImageName', message }, retryAfter: backOffMost };
}

/** The waiting of a container whose last pull has failed not long ago. */
function backingOff(record: ContainerRecord, { emit }: ImageContext): ImageResult | undefined {
  const pending = record.imageBackOff;
  if (!pending || Date.now() >= pending.until) return undefined;
  const name = record.container.image ?? '';
  if (record.state.is !== 'waiting' || record.state.reason !== 'ImagePullBackOff') {
    emit('Normal', 'BackOff', `Back-off pulling image "${name}"`);
    emit('Warning', 'Failed', 'Error: ImagePullBackOff');
  }
  const message = `Back-off pulling image "${name}": ErrImagePull: ${pending.failure}`;
  return { waiting: { is: 'waiting', reason: 'ImagePullBackOff', message }, retryAfter: pending.until - Date.now() };
}

/** A pull takes its time: the pod is looked at again when it is over, and may go meanwhile. */
function startPull(record: ContainerRecord, name: string, context: ImageContext): ImageResult {
  const pull: ImagePull = { name, outcome: undefined };
  record.pull = pull;
  context.emit('Normal', 'Pulling', `Pulling image "${name}"`);
  void runPull(name, context).then((outcome) => {
    pull.outcome = outcome;
    context.changed();
  });
  return { pulling: true };
}

async function runPull(name: string, { deps, pod, emit }: ImageContext): Promise<ImagePull['outcome']> {
  const began = performance.now();
  try {
    const image = await deps.images.pull(name, await pullSecretsOf(pod, deps));
    const took = goDuration(performance.now() - began);
    const message = `Successfully pulled image "${name}" in ${took} (${took} including waiting). Image size: ${image.size} bytes.`;
    emit('Normal', 'Pulled', message);
    return { image };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    emit('Warning', 'Failed', `Failed to pull image "${name}": ${failure}`);
    emit('Warning', 'Failed', 'Error: ErrImagePull');
    return { failure };
  }
}

function failed(record: ContainerRecord, failure: string): ImageResult {
  const pending = record.imageBackOff;
  const delay = Math.min(pending ? pending.delay * 2 : backOffFirst, backOffMost);
  record.imageBackOff = { delay, until: Date.now() + delay, failure };
  // Looked at again soon, only to show the back-off.
  return { waiting: { is: 'waiting', reason: 'ErrImagePull', message: failure }, retryAfter: Math.min(delay, 3_000) };
}
