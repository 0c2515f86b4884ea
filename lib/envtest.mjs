// The door for other packages: import { startControlPlane } from 'homeport/envtest'. A clone runs its TypeScript as it is;
// a package has the same without types.
import { existsSync } from 'node:fs';

const source = new URL('../src/envtest/index.ts', import.meta.url);
const envtest = await import(existsSync(source) ? source.href : '../js/envtest/index.js');
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
