#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Node strips types once per file and keeps the result: later starts read it instead of parsing again.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/homeport', import.meta.url)));

const { run } = await import('./program.ts');
await run(process.argv);
