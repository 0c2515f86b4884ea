import { compareText, type Fields, type KubeObject } from '../../../machinery/index.ts';
import type { ResourceCache } from '../../cache/cache.ts';
import { objectAt, textAt } from '../../kinds/fields.ts';
import type { Store } from '../../store/store.ts';
import { type Match, matchOf } from '../match.ts';

const GROUP = 'admissionregistration.k8s.io';

/** A policy with those that put it to use, read and compiled once. */
export interface Policy<Compiled> {
  readonly name: string;
  readonly match: Match;
  /** True if what cannot be evaluated lets the request pass. */
  readonly ignoreFailure: boolean;
  readonly paramKind: { apiVersion: string; kind: string } | undefined;
  readonly bindings: readonly Binding[];
  readonly compiled: Compiled;
}

export interface Binding {
  readonly name: string;
  readonly match: Match | undefined;
  readonly paramRef: Fields | undefined;
  readonly spec: Fields;
}

/**
 * The policies of one kind that have a binding, by name. The list stays the same one until something changes, and what is
 * compiled of a policy until that policy does.
 */
export function createPolicies<Compiled>(
  store: Store,
  resource: 'validatingadmissionpolicies' | 'mutatingadmissionpolicies',
  compile: (spec: Fields) => Compiled,
): () => readonly Policy<Compiled>[] {
  const compiledOf = new WeakMap<KubeObject, Compiled>();
  let policies: readonly Policy<Compiled>[] | undefined;
  let caches: { policies: ResourceCache; bindings: ResourceCache } | undefined;

  function follow(): { policies: ResourceCache; bindings: ResourceCache } {
    const followed = {
      policies: store.cache({ group: GROUP, resource }),
      bindings: store.cache({ group: GROUP, resource: resource.replace('policies', 'policybindings') }),
    };
    for (const cache of Object.values(followed)) {
      cache.onChange(() => {
        policies = undefined;
      });
    }
    return followed;
  }

  function policyOf(object: KubeObject, bindings: readonly Binding[]): Policy<Compiled> {
    const spec = object.spec ?? {};
    let compiled = compiledOf.get(object);
    if (compiled === undefined) {
      compiled = compile(spec);
      compiledOf.set(object, compiled);
    }
    const paramKind = objectAt(spec, 'paramKind');
    return {
      name: object.metadata.name,
      match: matchOf(objectAt(spec, 'matchConstraints') ?? {}, 'resourceRules'),
      ignoreFailure: spec['failurePolicy'] === 'Ignore',
      paramKind: paramKind && { apiVersion: textAt(paramKind, 'apiVersion'), kind: textAt(paramKind, 'kind') },
      bindings,
      compiled,
    };
  }

  return () => {
    if (policies) return policies;
    caches ??= follow();
    const bindings = Map.groupBy(sorted(caches.bindings), ({ spec }) => textAt(spec, 'policyName'));
    policies = sorted(caches.policies).flatMap((object) => {
      const own = bindings.get(object.metadata.name);
      return own ? [policyOf(object, own.map(bindingOf))] : [];
    });
    return policies;
  };
}

const sorted = (cache: ResourceCache): KubeObject[] =>
  [...cache.entries.from('')].map(({ object }) => object).sort((a, b) => compareText(a.metadata.name, b.metadata.name));

function bindingOf({ metadata, spec = {} }: KubeObject): Binding {
  const match = objectAt(spec, 'matchResources');
  return {
    name: metadata.name,
    match: match && matchOf(match, 'resourceRules'),
    paramRef: objectAt(spec, 'paramRef'),
    spec,
  };
}
