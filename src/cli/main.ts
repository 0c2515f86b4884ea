#!/usr/bin/env node
import { registerHooks } from 'node:module';

const source = new URL('..', import.meta.url).href;
/** TypeScript in a clone, JavaScript in a package. */
const [extension, format] = import.meta.url.endsWith('.ts') ? ['.ts', 'module-typescript'] : ['.js', 'module'];

// Our own files name each other exactly: Node need not look each of 500 up on the disk for links, extensions and a
// package.json in every folder above it, which is a quarter of the time that loading them takes.
registerHooks({
  resolve(specifier, context, next) {
    const { parentURL } = context;
    if (!parentURL?.startsWith(source) || !specifier.startsWith('.') || !specifier.endsWith(extension)) {
      return next(specifier, context);
    }
    return { url: new URL(specifier, parentURL).href, format, shortCircuit: true };
  },
});

const { run } = await import('./program.ts');
await run(process.argv);
