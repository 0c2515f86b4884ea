import { assemble } from '../linux/machine-code.ts';
import { type Engine, EngineError } from './engine.ts';

const repository = 'homeport-pause';
const tag = '1';
export const pauseImage = `${repository}:${tag}`;

/** Architectures as engines and as Node call them. */
const architectures: Partial<Record<string, string>> = {
  amd64: 'x64',
  x86_64: 'x64',
  arm64: 'arm64',
  aarch64: 'arm64',
};

/**
 * A program that does nothing, for ever: what holds a pod's network. It waits for nothing (ppoll(2)), and is made here so
 * that no registry has to be asked for it.
 * @param architecture as engines call it
 * @throws Error for one that there is no program for
 */
export function pauseProgram(architecture: string): Buffer {
  const known = architectures[architecture];
  if (!known) throw new Error(`the docker runtime cannot hold pods on an engine for ${architecture}`);
  return assemble([{ call: 'ppoll', operands: [0, 0, 0, 0] }], known);
}

/** Makes the image if the engine does not have it. @throws Error for an architecture that there is no program for */
export async function ensurePauseImage(engine: Engine, architecture: string): Promise<void> {
  try {
    await engine.call('GET', `/images/${pauseImage}/json`);
    return;
  } catch (error) {
    if (!(error instanceof EngineError && error.status === 404)) throw error;
  }
  const query = { fromSrc: '-', repo: repository, tag, changes: 'ENTRYPOINT ["/pause"]' };
  const progress = await engine.stream('POST', '/images/create', {
    query,
    body: tarOf('pause', pauseProgram(architecture)),
  });
  let said = '';
  for await (const chunk of progress) said += chunk;
  if (/"error"/.test(said)) throw new Error(`making the image ${pauseImage}: ${said.trim()}`);
}

/** A tar archive of one executable file (ustar). */
function tarOf(name: string, content: Buffer): Buffer {
  const head = Buffer.alloc(512);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`;
  head.write(name, 0);
  head.write(octal(0o755, 8), 100);
  head.write(octal(0, 8), 108);
  head.write(octal(0, 8), 116);
  head.write(octal(content.length, 12), 124);
  head.write(octal(0, 12), 136);
  head.write('        0', 148);
  head.write('ustar\u000000', 257, 'latin1');
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  const padding = Buffer.alloc(((512 - (content.length % 512)) % 512) + 1024);
  return Buffer.concat([head, content, padding]);
}
