import type { KubeObject } from '../machinery/index.ts';
import { type Fault, rank } from './fault.ts';
import { oneLine } from './status.ts';
import type { Fixer } from './types.ts';

/** An image that cannot be had, from what the kubelet says of it. */
export interface ImageProblem {
  pod: KubeObject;
  path: readonly string[];
  image: string;
  /** The container's waiting reason: 'ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', … */
  reason: string;
  /** The container's waiting message, with the registry's answer when it is there. */
  message: string;
  since: string | undefined;
}

export function imageFault({ pod, path, image, reason, message, since }: ImageProblem): Fault {
  const base = { at: pod, rank: rank.root, path, since };
  const shown = oneLine(image, 300);
  if (reason === 'InvalidImageName') {
    return { ...base, problem: `"${shown}" is not an image name`, remedy: correct, fixer: 'developer' };
  }
  const denied = /unauthorized|denied|authentication required|forbidden/i.test(message);
  const unreachable = /no such host|connection refused|i\/o timeout|network is unreachable|TLS|x509/i.test(message);
  // Registries do not tell apart what is not there and what is not shown: 'may require authorization' is either.
  if (denied && !/not found|does not exist/i.test(message)) {
    const problem = `the registry does not let image ${shown} be pulled`;
    return { ...base, problem, remedy: credentials, fixer: 'developer' };
  }
  const tags = tagsIn(message);
  if (unreachable && tags.length === 0) {
    const fixer: Fixer = 'platform';
    return { ...base, problem: `the registry of image ${shown} cannot be reached (${oneLine(message, 160)})`, fixer };
  }
  const span = tags.length > 0 ? tagSpan(image) : (nameSpan(image, message) ?? tagSpan(image));
  const note = tags.length > 0 ? ` (the tags there are: ${tags.join(', ')})` : '';
  const remedy = (field: string | undefined) => {
    const build =
      /homeport image build/.test(message) && tags.length === 0 ? ', or build it with homeport image build' : '';
    return field === undefined ? note.trim() || undefined : `change ${field}${note}${build}`;
  };
  return { ...base, problem: `image ${shown} does not exist`, remedy, fixer: 'developer', ...(span ? { span } : {}) };
}

const correct = (field: string | undefined) => (field === undefined ? undefined : `correct ${field}`);

const credentials = (field: string | undefined) =>
  field === undefined ? 'it needs an imagePullSecret' : `change ${field}, or give an imagePullSecret`;

/** The tags that a message says are there: '(tags there: 1.4.304, 1.4.305)'. */
function tagsIn(message: string): string[] {
  const list = /tags? (?:that are )?there:?\s*([\w.\-, ]+)/i.exec(message.slice(0, 4000))?.[1] ?? '';
  return list
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => /^[\w][\w.-]*$/.test(tag))
    .slice(0, 10);
}

/** Where the tag or digest is in an image reference; undefined when it has none. */
export function tagSpan(image: string): { start: number; end: number } | undefined {
  const at = image.indexOf('@');
  if (at >= 0) return { start: at + 1, end: image.length };
  const colon = image.lastIndexOf(':');
  return colon > image.lastIndexOf('/') ? { start: colon + 1, end: image.length } : undefined;
}

/** Where the repository's name is, when the message says that no tag of it exists. */
function nameSpan(image: string, message: string): { start: number; end: number } | undefined {
  const unknown = /no tag of it|repository .*(does not exist|not found)|name unknown/i.test(message.slice(0, 4000));
  return unknown ? { start: 0, end: (tagSpan(image)?.start ?? image.length + 1) - 1 } : undefined;
}
