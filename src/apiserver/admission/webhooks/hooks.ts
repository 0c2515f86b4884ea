import { compareText, type Fields, type KubeObject } from '../../../machinery/index.ts';
import { numberAt, objectAt, objectsAt, textAt, textsAt } from '../../kinds/fields.ts';
import { compileConditions, type MatchConditions } from '../../policy/match-conditions.ts';
import type { Store } from '../../store/store.ts';
import type { WebhookClientConfig } from '../../webhooks/client-config.ts';
import { type Match, matchOf } from '../match.ts';

const GROUP = 'admissionregistration.k8s.io';

/** One webhook of a configuration, read once. */
export interface Hook {
  /** Unique among all of its kind. */
  readonly id: string;
  readonly configuration: string;
  readonly name: string;
  readonly match: Match;
  readonly conditions: MatchConditions;
  readonly clientConfig: WebhookClientConfig;
  /** True if a failure to ask it lets the request pass. */
  readonly ignoreFailure: boolean;
  /** True if it may be asked about a dry run. */
  readonly dryRun: boolean;
  /** The version of AdmissionReview that it gets; undefined if it wants none that there is. */
  readonly reviewVersion: 'v1' | 'v1beta1' | undefined;
  readonly timeoutSeconds: number;
  readonly reinvocable: boolean;
}

/**
 * The webhooks of all configurations of one kind, by the configurations' names and then in their own order. The list stays
 * the same one until a configuration changes.
 */
export function createHooks(
  store: Store,
  resource: 'mutatingwebhookconfigurations' | 'validatingwebhookconfigurations',
): () => readonly Hook[] {
  let hooks: readonly Hook[] | undefined;
  let following = false;
  return () => {
    if (hooks) return hooks;
    const cache = store.cache({ group: GROUP, resource });
    if (!following) {
      following = true;
      cache.onChange(() => {
        hooks = undefined;
      });
    }
    hooks = [...cache.entries.from('')]
      .map(({ object }) => object)
      .sort((a, b) => compareText(a.metadata.name, b.metadata.name))
      .flatMap(hooksOf);
    return hooks;
  };
}

function hooksOf(configuration: KubeObject): Hook[] {
  const counts = new Map<string, number>();
  return objectsAt(configuration, 'webhooks').map((hook) => {
    const name = textAt(hook, 'name');
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return hookOf(hook, configuration.metadata.name, `${configuration.metadata.name}/${name}/${count}`);
  });
}

function hookOf(hook: Fields, configuration: string, id: string): Hook {
  const sideEffects = textAt(hook, 'sideEffects');
  const ignoreFailure = hook['failurePolicy'] === 'Ignore';
  const reviewVersion = textsAt(hook, 'admissionReviewVersions').find(
    (version): version is 'v1' | 'v1beta1' => version === 'v1' || version === 'v1beta1',
  );
  return {
    id,
    configuration,
    name: textAt(hook, 'name'),
    match: matchOf(hook, 'rules'),
    conditions: compileConditions(objectsAt(hook, 'matchConditions'), ignoreFailure),
    clientConfig: objectAt(hook, 'clientConfig') as WebhookClientConfig,
    ignoreFailure,
    dryRun: sideEffects === 'None' || sideEffects === 'NoneOnDryRun',
    reviewVersion,
    timeoutSeconds: numberAt(hook, 'timeoutSeconds') ?? 10,
    reinvocable: hook['reinvocationPolicy'] === 'IfNeeded',
  };
}
