// The door for other packages: import { startControlPlane } from 'homeport/envtest'. Homeport is TypeScript that Node runs
// as it is, except under node_modules, where Node refuses to: installed there, the types are taken off on loading.
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';

const source = new URL('../src/', import.meta.url).href;

if (source.includes('/node_modules/')) {
  registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith(source) || !url.endsWith('.ts')) return nextLoad(url, context);
      const code = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'));
      return { format: 'module', shortCircuit: true, source: code };
    },
  });
}

const envtest = await import('../src/envtest/index.ts');
export const {
  ApiError,
  addNode,
  createController,
  hasCondition,
  isReason,
  keyOf,
  ownerReferenceTo,
  resourceOf,
  seemingKubelet,
  splitKey,
  startControlPlane,
} = envtest;
