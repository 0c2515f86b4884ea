import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * What `docker login` wrote on this machine ($DOCKER_CONFIG, else ~/.docker/config.json), as a list of none or one.
 * @throws Error for a file that cannot be read.
 */
export async function dockerConfigurations(): Promise<unknown[]> {
  const path = join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  let configuration: unknown;
  try {
    configuration = JSON.parse(text);
  } catch {
    // The parser's own words would show a part of the secrets.
    throw new Error(`${path} is not JSON`);
  }
  // Without any login there are no auths: the whole is not to be taken for the older form, which is nothing but them.
  return typeof configuration === 'object' && configuration !== null && 'auths' in configuration ? [configuration] : [];
}
