import { createRequire } from 'node:module';

type Yaml = typeof import('yaml');

let library: Yaml | undefined;

/** The YAML library, loaded when YAML is first read or written: it is 70 modules, and most starts meet none. */
export function yaml(): Yaml {
  library ??= createRequire(import.meta.url)('yaml') as Yaml;
  return library;
}
