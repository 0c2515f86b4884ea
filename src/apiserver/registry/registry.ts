import {
  apiVersionOfResource,
  builtinResources,
  builtinSchema,
  groupResource,
  type ResourceInfo,
  type Schema,
} from '../../machinery/index.ts';
import type { GroupResource, ServedResource, TablePrinter } from '../contracts.ts';
import { crdStrategy } from '../crd/index.ts';
import { strategyFor } from '../kinds/index.ts';
import { printerFor } from '../printers/index.ts';
import { builtinRegistration, type Registration } from './registration.ts';

/** Which resources are served at the moment, by group, version and plural. */
export interface Registry {
  find(group: string, version: string, resource: string): Registration | undefined;
  /** Any served version of a resource. */
  any(resource: GroupResource): Registration | undefined;
  all(): IteratorObject<Registration>;
  /** Goes up whenever what is served changes: documents made before are out of date. */
  readonly generation: number;
  /** Puts the versions of a resource in place of what was there; none removes it. */
  replace(resource: GroupResource, registrations: readonly Registration[]): void;
}

const id = (group: string, version: string, resource: string): string => `${group}/${version}/${resource}`;

export function createRegistry(): Registry {
  const registrations = new Map<string, Registration>();
  /** The ids of each resource's versions. */
  const versionsOf = new Map<string, string[]>();
  let generation = 0;
  const add = (registration: Registration): void => {
    const { group, version, resource } = registration.served;
    const own = id(group, version, resource);
    registrations.set(own, registration);
    versionsOf.set(groupResource(registration.served), [
      ...(versionsOf.get(groupResource(registration.served)) ?? []),
      own,
    ]);
  };
  for (const resource of builtinResources) add(builtinRegistration(builtin(resource)));
  return {
    find: (group, version, resource) => registrations.get(id(group, version, resource)),
    any: (of) => registrations.get(versionsOf.get(groupResource(of))?.[0] ?? ''),
    all: () => registrations.values(),
    get generation() {
      return generation;
    },
    replace(of, versions) {
      for (const own of versionsOf.get(groupResource(of)) ?? []) registrations.delete(own);
      versionsOf.delete(groupResource(of));
      for (const version of versions) add(version);
      generation++;
    },
  };
}

/** Everything about a built-in resource; its schema and printer are made when first needed. */
function builtin(info: ResourceInfo): ServedResource {
  const apiVersion = apiVersionOfResource(info);
  const isCrd = info.kind === 'CustomResourceDefinition';
  const strategy = isCrd ? crdStrategy : strategyFor(info.group, info.kind);
  let schema: Schema | undefined;
  let printer: TablePrinter | undefined;
  return {
    ...info,
    get schema() {
      schema ??= builtinSchema(apiVersion, info.kind) ?? {};
      return schema;
    },
    get printer() {
      printer ??= printerFor(info.group, info.version, info.kind);
      return printer;
    },
    ...(strategy ? { strategy } : {}),
    virtual: !info.verbs.includes('get'),
    custom: false,
  };
}
