#!/usr/bin/env node
// What a package holds in place of src/: the same files without their types, as Node runs no TypeScript under node_modules.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(join(root, 'js'), { recursive: true, force: true });
const { status } = spawnSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', join(root, 'tsconfig.pack.json')], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
if (status !== 0) process.exit(status ?? 1);
const data = join('apiserver', 'openapi', 'descriptions');
cpSync(join(root, 'src', data), join(root, 'js', data), { recursive: true });
