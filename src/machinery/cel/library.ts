import { formatFunctions } from './functions-format.ts';
import { kro } from './functions-kro.ts';
import { quantities } from './functions-kubernetes.ts';
import { listExtensions, lists } from './functions-lists.ts';
import { addresses, urls } from './functions-network.ts';
import { semvers } from './functions-semver.ts';
import { arithmetic, containers, conversions } from './functions-standard.ts';
import { stringExtensions, strings } from './functions-strings.ts';
import { time } from './functions-time.ts';
import { type CelFunctions, overloadsOf } from './signature.ts';
import type { Overload } from './syntax.ts';

/** Which functions expressions may call beside the standard ones. */
export type CelLibrary = 'kubernetes' | 'kro';

type FunctionTable = ReadonlyMap<string, readonly Overload[]>;

const shared = [
  arithmetic,
  containers,
  conversions,
  strings,
  time,
  lists,
  quantities,
  urls,
  addresses,
  semvers,
  formatFunctions,
];
const tables = new Map<CelLibrary, FunctionTable>();
const namespaces = new Map<CelLibrary, ReadonlySet<string>>();
const extended = new WeakMap<CelFunctions, Map<CelLibrary, FunctionTable>>();

/** The overloads of each function of a library, with those of a caller; read once for each. */
export function functionsOf(library: CelLibrary, own?: CelFunctions): FunctionTable {
  if (own === undefined) return tableOf(library);
  let made = extended.get(own);
  if (!made) {
    made = new Map();
    extended.set(own, made);
  }
  let table = made.get(library);
  if (!table) {
    table = withOverloads(tableOf(library), own);
    made.set(library, table);
  }
  return table;
}

function tableOf(library: CelLibrary): FunctionTable {
  let table = tables.get(library);
  if (!table) {
    const parts = library === 'kro' ? [...shared, listExtensions, stringExtensions, kro] : shared;
    table = parts.reduce<FunctionTable>(withOverloads, new Map());
    tables.set(library, table);
  }
  return table;
}

function withOverloads(table: FunctionTable, functions: CelFunctions): FunctionTable {
  const extended = new Map(table);
  for (const overload of overloadsOf(functions)) {
    extended.set(overload.name, [...(extended.get(overload.name) ?? []), overload]);
  }
  return extended;
}

/** The first names of functions such as `lists.range`: groups of functions, never data. */
export function namespacesOf(library: CelLibrary): ReadonlySet<string> {
  let found = namespaces.get(library);
  if (!found) {
    const names = [...tableOf(library).keys()].filter((name) => /^[a-z0-9]+\./.test(name));
    found = new Set(['cel', ...names.map((name) => name.slice(0, name.indexOf('.')))]);
    namespaces.set(library, found);
  }
  return found;
}
