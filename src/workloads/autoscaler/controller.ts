import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { equalJson, keyOf, type LabelSelector, parseLabelSelector, timestamp } from '../../machinery/index.ts';
import { withCondition } from '../conditions.ts';
import { ignoringAbsence } from '../refusals.ts';
import { horizontalPodAutoscalers, pods } from '../resources.ts';
import type { Pod } from '../types.ts';
import { limit, type Memory, newMemory, remember } from './limits.ts';
import { type Assessed, assess, type Situation } from './metrics.ts';
import { rescale, type Target, targetOf } from './target.ts';
import type { Autoscaler, AutoscalerStatus, MetricStatus } from './types.ts';

/** How often the metrics of an autoscaler are looked at, in milliseconds. */
const PERIOD = 15_000;
/** The status of a metric that could not be read. */
const UNREAD: MetricStatus = { type: '' };

/** What is to come of a look at an autoscaler. */
interface Verdict {
  replicas: number;
  reason: string;
  metrics: MetricStatus[];
}

/** Nothing can be decided: the conditions say why. */
class Undecided extends Error {
  readonly metrics: MetricStatus[];

  constructor(message: string, metrics: MetricStatus[]) {
    super(message);
    this.metrics = metrics;
  }
}

/** Scales what HorizontalPodAutoscalers are for by what its pods use. Usage is only measured while there are autoscalers. */
export function autoscalerController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const recorder = context.recorder('horizontal-pod-autoscaler');
  const autoscalers = informers.for(horizontalPodAutoscalers);
  const podInformer = informers.for(pods);
  const memories = new Map<string, Memory>();
  /** The pods that each autoscaler scales, as it last found. */
  const selectors = new Map<string, { namespace: string; selector: LabelSelector }>();

  async function reconcile(key: string): Promise<{ requeueAfter: number } | undefined> {
    const autoscaler = autoscalers.get(key) as Autoscaler | undefined;
    if (!autoscaler?.spec) {
      memories.delete(key);
      selectors.delete(key);
      return undefined;
    }
    const status = await look(key, autoscaler);
    if (!equalJson(status, autoscaler.status)) {
      const updated = { ...autoscaler, status };
      await ignoringAbsence(client.update(horizontalPodAutoscalers, updated, { subresource: 'status' }));
    }
    return { requeueAfter: PERIOD };
  }

  /** Does what there is to do, and returns the status that tells of it. */
  async function look(key: string, autoscaler: Autoscaler): Promise<AutoscalerStatus> {
    const before: AutoscalerStatus = autoscaler.status ?? { desiredReplicas: 0 };
    const draft = draftOf(before);
    const fail = (reason: string, message: string): void => recorder.event(autoscaler, 'Warning', reason, message);
    let target: Target;
    try {
      target = await targetOf(client, autoscaler);
    } catch (error) {
      const why = messageOf(error);
      fail('FailedGetScale', why);
      draft.set(
        'AbleToScale',
        false,
        'FailedGetScale',
        `the HPA controller was unable to get the target's current scale: ${why}`,
      );
      return { ...before, conditions: draft.conditions() };
    }
    draft.set(
      'AbleToScale',
      true,
      'SucceededGetScale',
      "the HPA controller was able to get the target's current scale",
    );
    const current = target.scale.spec?.replicas ?? 0;
    if (!memories.has(key)) memories.set(key, newMemory(current, Date.now()));
    try {
      const verdict = await decide(key, autoscaler, target, draft);
      const isScaled = verdict.replicas !== current;
      if (isScaled) await apply(key, autoscaler, target, verdict, draft);
      return statusOf(before, draft, current, verdict.replicas, verdict.metrics, isScaled);
    } catch (error) {
      if (!(error instanceof Undecided)) throw error;
      if (error.message !== '') fail('FailedComputeMetricsReplicas', error.message);
      return statusOf(before, draft, current, before.desiredReplicas, error.metrics, false);
    }
  }

  async function decide(key: string, autoscaler: Autoscaler, target: Target, draft: Draft): Promise<Verdict> {
    const { minReplicas = 1, maxReplicas = 0 } = autoscaler.spec ?? {};
    const current = target.scale.spec?.replicas ?? 0;
    if (current === 0 && minReplicas !== 0) {
      const message = 'scaling is disabled since the replica count of the target is zero';
      draft.set('ScalingActive', false, 'ScalingDisabled', message);
      return { replicas: current, reason: '', metrics: [] };
    }
    if (current > maxReplicas) {
      return { replicas: maxReplicas, reason: 'Current number of replicas above Spec.MaxReplicas', metrics: [] };
    }
    if (current < minReplicas) {
      return { replicas: minReplicas, reason: 'Current number of replicas below Spec.MinReplicas', metrics: [] };
    }
    return byMetrics(key, autoscaler, target, draft);
  }

  /** The most that any metric asks for, within the limits. */
  async function byMetrics(key: string, autoscaler: Autoscaler, target: Target, draft: Draft): Promise<Verdict> {
    const { spec, metadata } = autoscaler;
    if (!spec) throw new Error(`${key} has no spec`);
    const current = target.scale.spec?.replicas ?? 0;
    const selector = selectorFor(key, autoscaler, target, draft);
    const namespace = metadata.namespace ?? '';
    const now = Date.now();
    const situation: Situation = {
      ...{ client, namespace, selector, now, pods: podsOf(namespace, selector) },
      ...{ specReplicas: current, statusReplicas: target.scale.status?.replicas ?? 0 },
    };
    const assessed = await Promise.all((spec.metrics ?? []).map((metric) => assess(metric, situation)));
    const metrics = assessed.map((each) => ('failure' in each ? UNREAD : each.status));
    const { replicas: proposed, name } = mostOf(autoscaler, assessed, metrics, current, draft);
    const memory = memories.get(key) ?? newMemory(current, now);
    const { replicas, able, limited } = limit(spec, memory, current, proposed, now);
    draft.set('AbleToScale', true, able.reason, able.message);
    draft.set('ScalingLimited', limited.isLimited, limited.reason, limited.message);
    const reason = proposed > current ? `${name} above target` : proposed < current ? 'All metrics below target' : '';
    return { replicas, reason, metrics };
  }

  /** @throws Undecided when no metric can be told, or some cannot and the others ask for fewer replicas. */
  function mostOf(
    autoscaler: Autoscaler,
    assessed: readonly Assessed[],
    metrics: MetricStatus[],
    current: number,
    draft: Draft,
  ): { replicas: number; name: string } {
    const told = assessed.filter((each) => 'replicas' in each);
    const failures = assessed.flatMap((each) => ('failure' in each ? [each.failure] : []));
    for (const { reason, message } of failures) recorder.event(autoscaler, 'Warning', reason, message);
    const most = told.reduce<{ replicas: number; name: string }>(
      (best, each) => (best.replicas === 0 || each.replicas > best.replicas ? each : best),
      { replicas: 0, name: '' },
    );
    const [first] = failures;
    if (first && (told.length === 0 || most.replicas < current)) {
      const why = `the HPA was unable to compute the replica count: ${first.message}`;
      draft.set('ScalingActive', false, first.reason, why);
      const count = `${failures.length} invalid out of ${assessed.length}`;
      throw new Undecided(`invalid metrics (${count}), first error is: ${first.error}`, metrics);
    }
    const found = `the HPA was able to successfully calculate a replica count from ${most.name}`;
    draft.set('ScalingActive', true, 'ValidMetricFound', found);
    return most;
  }

  const podsOf = (namespace: string, selector: LabelSelector): Pod[] =>
    (podInformer.list(namespace) as Pod[]).filter(({ metadata }) => selector.matches(metadata.labels));

  /** The pods that a target's scale selects. @throws Undecided when it does not say, or they have several autoscalers. */
  function selectorFor(key: string, autoscaler: Autoscaler, { scale }: Target, draft: Draft): LabelSelector {
    const refuse = (event: string, condition: string, error: string, message = error): never => {
      recorder.event(autoscaler, 'Warning', event, error);
      draft.set('ScalingActive', false, condition, message);
      throw new Undecided(error, []);
    };
    const text = scale.status?.selector ?? '';
    if (text === '') {
      const message = "the HPA target's scale is missing a selector";
      return refuse('SelectorRequired', 'InvalidSelector', 'selector is required', message);
    }
    let selector: LabelSelector;
    try {
      selector = parseLabelSelector(text);
    } catch (error) {
      const why = `couldn't convert selector into a corresponding internal selector object: ${messageOf(error)}`;
      return refuse('InvalidSelector', 'InvalidSelector', why);
    }
    const namespace = autoscaler.metadata.namespace ?? '';
    selectors.set(key, { namespace, selector });
    const all = podsOf(namespace, selector);
    const keys = [...selectors].filter(
      ([, other]) =>
        other.namespace === namespace && all.some(({ metadata }) => other.selector.matches(metadata.labels)),
    );
    if (keys.length > 1) {
      const names = keys
        .map(([name]) => name)
        .sort()
        .join(' ');
      const why = `pods by selector ${text} are controlled by multiple HPAs: [${names}]`;
      return refuse('AmbiguousSelector', 'AmbiguousSelector', why);
    }
    return selector;
  }

  async function apply(
    key: string,
    autoscaler: Autoscaler,
    target: Target,
    { replicas, reason, metrics }: Verdict,
    draft: Draft,
  ): Promise<void> {
    const size = `New size: ${replicas}; reason: ${reason}`;
    try {
      await rescale(client, target, replicas);
    } catch (error) {
      const why = messageOf(error);
      recorder.event(autoscaler, 'Warning', 'FailedRescale', `${size}; error: ${why}`);
      const message = `the HPA controller was unable to update the target scale: ${why}`;
      draft.set('AbleToScale', false, 'FailedUpdateScale', message);
      throw new Undecided('', metrics);
    }
    const message = `the HPA controller was able to update the target scale to ${replicas}`;
    draft.set('AbleToScale', true, 'SucceededRescale', message);
    recorder.event(autoscaler, 'Normal', 'SuccessfulRescale', size);
    const memory = memories.get(key);
    if (memory) remember(autoscaler.spec?.behavior, memory, target.scale.spec?.replicas ?? 0, replicas, Date.now());
  }

  return createController({
    name: 'horizontal-pod-autoscaler',
    context,
    sources: [
      {
        resource: horizontalPodAutoscalers,
        // What it says itself is no reason to look again: it does so all the time.
        keys: (object, { deleted, old }) =>
          !deleted && old && equalJson(old.spec, object.spec) ? [] : [keyOf(object)],
      },
      { resource: pods, keys: () => [] },
    ],
    workers: 5,
    reconcile,
  });
}

/** The conditions of a status to come. */
interface Draft {
  set(type: 'AbleToScale' | 'ScalingActive' | 'ScalingLimited', is: boolean, reason: string, message: string): void;
  conditions(): AutoscalerStatus['conditions'];
}

function draftOf({ conditions = [] }: AutoscalerStatus): Draft {
  let current = conditions;
  return {
    set(type, is, reason, message) {
      current = withCondition(current, { type, status: is ? 'True' : 'False', reason, message });
    },
    conditions: () => current,
  };
}

function statusOf(
  before: AutoscalerStatus,
  draft: Draft,
  current: number,
  desired: number,
  metrics: MetricStatus[],
  isScaled: boolean,
): AutoscalerStatus {
  const lastScaleTime = isScaled ? timestamp() : before.lastScaleTime;
  return {
    ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    ...(current === 0 ? {} : { currentReplicas: current }),
    desiredReplicas: desired,
    currentMetrics: metrics.length > 0 ? metrics : null,
    conditions: draft.conditions(),
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
