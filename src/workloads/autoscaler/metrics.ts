import type { Client } from '../../client/index.ts';
import { formatQuantity, type LabelSelector, labelSelectorOf, parseQuantity } from '../../machinery/index.ts';
import { goSelector } from '../go-selector.ts';
import { isReady } from '../pods.ts';
import type { Pod } from '../types.ts';
import {
  CalculationError,
  type Question,
  replicasForAverage,
  replicasForUtilization,
  type Tolerances,
} from './calculator.ts';
import type { MetricSpec, MetricStatus, MetricTarget, MetricValue } from './types.ts';
import { externalValues, MetricsError, milli, requestsOf, usagesOf } from './usage.ts';

/** What a metric asks for, with its name and status; or why it cannot be told. */
export type Assessed =
  | { replicas: number; name: string; status: MetricStatus }
  | { failure: { reason: string; message: string; error: string } };

export interface Situation {
  client: Client;
  namespace: string;
  /** The selector of the scale, and the pods that it selects. */
  selector: LabelSelector;
  pods: readonly Pod[];
  /** What the scale asks for, and what it has. */
  specReplicas: number;
  statusReplicas: number;
  now: number;
}

/** How far from its target a metric may be without consequence. Upstream's own tolerances are behind a gate that is off. */
const TOLERANCE = 0.1;
const TOLERANCES: Tolerances = { up: TOLERANCE, down: TOLERANCE };
const isWithin = (ratio: number): boolean => 1 - TOLERANCE <= ratio && ratio <= 1 + TOLERANCE;

const CUSTOM =
  'unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered';

/** What one metric of an autoscaler asks for. */
export function assess(metric: MetricSpec, situation: Situation): Promise<Assessed> | Assessed {
  switch (metric.type) {
    case 'Resource': {
      const { name, target } = metric.resource;
      return assessUsage(situation, {
        name,
        target,
        container: undefined,
        kind: 'Resource',
        subject: `${name} resource`,
      });
    }
    case 'ContainerResource': {
      const { name, target, container } = metric.containerResource;
      const subject = `${container} container`;
      return assessUsage(situation, { name, target, container, kind: 'ContainerResource', subject });
    }
    case 'Pods':
      return failed('Pods', `unable to get metric ${metric.pods.metric.name}: ${CUSTOM}`, 'pods metric value');
    case 'Object': {
      const { describedObject: of, metric: named, target } = metric.object;
      const message = `unable to get metric ${named.name}: ${of.kind} on ${situation.namespace} ${of.name}/${CUSTOM}`;
      const within = target.type === 'AverageValue' ? `failed to get ${named.name} object metric: ` : '';
      return failed('Object', message, 'object metric value', within);
    }
    case 'External':
      return assessExternal(metric.external, situation);
  }
}

/** @param within what the error says between what failed and why. */
function failed(kind: string, message: string, what: string, within = ''): Assessed {
  return {
    failure: { reason: `FailedGet${kind}Metric`, message, error: `failed to get ${what}: ${within}${message}` },
  };
}

/** Why a metric cannot be read, or no number be told from it; anything else is thrown again. */
function reasonOf(error: unknown, what: string): string {
  if (error instanceof MetricsError) return `unable to get ${what}: ${error.message}`;
  if (error instanceof CalculationError) return error.message;
  throw error;
}

interface UsageMetric {
  name: string;
  container: string | undefined;
  target: MetricTarget;
  kind: 'Resource' | 'ContainerResource';
  subject: string;
}

async function assessUsage(situation: Situation, metric: UsageMetric): Promise<Assessed> {
  const { name, container, target, kind, subject } = metric;
  const share = target.averageValue === undefined;
  try {
    const { client, namespace, selector, pods, specReplicas, now } = situation;
    const usages = await usagesOf(client, { namespace, selector, resource: name, container });
    const isCpu = name === 'cpu';
    const question: Question = { currentReplicas: specReplicas, pods, usages, tolerances: TOLERANCES, isCpu, now };
    const { replicas, current } = share
      ? forUtilization(question, metric)
      : forAverage(question, name, target.averageValue ?? '0');
    const of = kind === 'Resource' ? '' : ' container';
    return {
      replicas,
      name: share ? `${name}${of} resource utilization (percentage of request)` : `${name} resource`,
      status:
        container === undefined
          ? { type: kind, resource: { name, current } }
          : { type: kind, containerResource: { name, container, current } },
    };
  } catch (error) {
    const why = reasonOf(error, `metrics for resource ${name}`);
    return failed(kind, `failed to get ${name} ${share ? 'utilization' : 'usage'}: ${why}`, `${subject} metric value`);
  }
}

interface Measured {
  replicas: number;
  current: MetricValue;
}

function forUtilization(question: Question, { name, container, target }: UsageMetric): Measured {
  const share = target.averageUtilization ?? 0;
  const answer = replicasForUtilization(question, share, () => requestsOf(question.pods, name, container));
  const current = { averageUtilization: answer.utilization, averageValue: amount(answer.average, name) };
  return { replicas: answer.replicas, current };
}

function forAverage(question: Question, resource: string, target: string): Measured {
  const { replicas, average } = replicasForAverage(question, milli(parseQuantity(target)));
  return { replicas, current: { averageValue: amount(average, resource) } };
}

function amount(thousandths: bigint, resource = ''): string {
  return formatQuantity({
    nanos: thousandths * 1_000_000n,
    format: resource === 'memory' ? 'BinarySI' : 'DecimalSI',
  });
}

type ExternalMetric = Extract<MetricSpec, { type: 'External' }>['external'];

async function assessExternal({ metric, target }: ExternalMetric, situation: Situation): Promise<Assessed> {
  const { client, namespace } = situation;
  const selector = goSelector(metric.selector);
  const perPod = target.averageValue !== undefined;
  try {
    const values = await externalValues(client, namespace, metric.name, labelSelectorOf(metric.selector ?? {}));
    const used = values.reduce((total, value) => total + value, 0n);
    const wanted = milli(parseQuantity(target.averageValue ?? target.value ?? '0'));
    const { replicas, current } = perPod ? forEachPod(used, wanted, situation) : forAll(used, wanted, situation);
    const name = `external metric ${metric.name}(${selector})`;
    return { replicas, name, status: { type: 'External', external: { metric, current } } };
  } catch (error) {
    const message = reasonOf(error, `external metric ${namespace}/${metric.name}/${selector}`);
    const within = perPod
      ? `failed to get ${metric.name} external metric: `
      : `failed to get external metric ${metric.name}: `;
    return failed('External', message, `${metric.name} external metric value`, within);
  }
}

function forEachPod(used: bigint, target: bigint, { statusReplicas }: Situation): Measured {
  const ratio = Number(used) / (Number(target) * statusReplicas);
  const replicas = isWithin(ratio) ? statusReplicas : Math.ceil(Number(used) / Number(target));
  const average = BigInt(Math.ceil(Number(used) / Math.max(1, statusReplicas)));
  return { replicas, current: { averageValue: amount(average) } };
}

function forAll(used: bigint, target: bigint, { specReplicas, pods }: Situation): Measured {
  const ratio = Number(used) / Number(target);
  const current = { value: amount(used) };
  // From nothing there is no tolerance, and no pod to multiply with.
  if (specReplicas === 0) return { replicas: Math.ceil(ratio), current };
  if (isWithin(ratio)) return { replicas: specReplicas, current };
  if (pods.length === 0) {
    const why = 'no pods returned by selector while calculating replica count';
    throw new CalculationError(`unable to calculate ready pods: ${why}`);
  }
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isReady(pod)).length;
  return { replicas: Math.ceil(ratio * ready), current };
}
