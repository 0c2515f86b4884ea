/**
 * HorizontalPodAutoscalers are stored as autoscaling/v2. Version v1 knows only a target for the CPU: it carries all else
 * in annotations, as kube-apiserver writes them, and reads it from there.
 */

import { isFields } from '../json.ts';
import type { Fields, KubeObject } from '../object.ts';
import { compareText } from '../text.ts';

const PREFIX = 'autoscaling.alpha.kubernetes.io/';
const METRICS = `${PREFIX}metrics`;
const CURRENT_METRICS = `${PREFIX}current-metrics`;
const CONDITIONS = `${PREFIX}conditions`;
const BEHAVIOR = `${PREFIX}behavior`;
const TOLERANCES = [`${PREFIX}scale-down-tolerance`, `${PREFIX}scale-up-tolerance`];

/** What an autoscaler aims at when nobody says: the share of the CPU that its pods ask for, in percent. */
export const DEFAULT_CPU_UTILIZATION = 80;

/** An autoscaler of either version as the other shows it ('autoscaling/v1' or 'autoscaling/v2'); a new object. */
export function convertAutoscaler(autoscaler: KubeObject, apiVersion: string): KubeObject {
  if (autoscaler.apiVersion === apiVersion) return autoscaler;
  return apiVersion === 'autoscaling/v1' ? toV1(autoscaler) : toV2(autoscaler);
}

/** Where v2 has a field of a metric, and where v1 has it, in the order in which v1 writes them. */
type Field = readonly [v1: string, ...v2: string[]];

const REFERENCE = ['kind', 'name', 'apiVersion'];

const SPEC: Readonly<Record<string, readonly Field[]>> = {
  Object: [
    ['target', 'describedObject'],
    ['metricName', 'metric', 'name'],
    ['targetValue', 'target', 'value'],
    ['selector', 'metric', 'selector'],
    ['averageValue', 'target', 'averageValue'],
  ],
  Pods: [
    ['metricName', 'metric', 'name'],
    ['targetAverageValue', 'target', 'averageValue'],
    ['selector', 'metric', 'selector'],
  ],
  Resource: [
    ['name', 'name'],
    ['targetAverageUtilization', 'target', 'averageUtilization'],
    ['targetAverageValue', 'target', 'averageValue'],
  ],
  ContainerResource: [
    ['name', 'name'],
    ['targetAverageUtilization', 'target', 'averageUtilization'],
    ['targetAverageValue', 'target', 'averageValue'],
    ['container', 'container'],
  ],
  External: [
    ['metricName', 'metric', 'name'],
    ['metricSelector', 'metric', 'selector'],
    ['targetValue', 'target', 'value'],
    ['targetAverageValue', 'target', 'averageValue'],
  ],
};

/** A status says what is current where the spec says what the target is. */
const STATUS: Readonly<Record<string, readonly Field[]>> = Object.fromEntries(
  Object.entries(SPEC).map(([type, fields]) => [type, fields.map(ofStatus)]),
);

function ofStatus([v1, ...v2]: Field): Field {
  return v2[0] === 'target' ? [v1.replace(/^target/, 'current'), 'current', ...v2.slice(1)] : [v1, ...v2];
}

/** The types of metrics in the order of their fields, and the quantities that v1 writes even if nobody set them. */
const TYPES = ['Object', 'Pods', 'Resource', 'ContainerResource', 'External'] as const;
const ALWAYS: Readonly<Record<string, readonly string[]>> = {
  Object: ['targetValue', 'currentValue'],
  Pods: ['targetAverageValue', 'currentAverageValue'],
  Resource: ['currentAverageValue'],
  ContainerResource: ['currentAverageValue'],
  External: ['currentValue'],
};

const keyOf = (type: string): string => type.slice(0, 1).toLowerCase() + type.slice(1);

const isCpuTarget = (metric: Fields): boolean =>
  metric['type'] === 'Resource' &&
  valueAt(metric, ['resource', 'name']) === 'cpu' &&
  valueAt(metric, ['resource', 'target', 'averageUtilization']) !== undefined;

function toV1({ metadata, spec = {}, status = {}, ...rest }: KubeObject): KubeObject {
  const metrics = listOf(spec['metrics']);
  const { scaleTargetRef, minReplicas, maxReplicas, behavior } = spec;
  const target = metrics.find(isCpuTarget);
  const { currentMetrics, conditions, ...counts } = status;
  const current = listOf(currentMetrics);
  const cpu = current.findLast((metric) => valueAt(metric, ['resource', 'name']) === 'cpu');
  const annotations = withoutCarried(metadata.annotations);
  const others = metrics.filter((metric) => !isCpuTarget(metric)).map((metric) => metricToV1(metric, SPEC));
  const carry = (key: string, value: unknown): void => {
    annotations[key] = goJson(value);
  };
  if (others.length > 0) carry(METRICS, others);
  if (current.length > 0) {
    carry(
      CURRENT_METRICS,
      current.map((metric) => metricToV1(metric, STATUS)),
    );
  }
  if (isFields(behavior)) carry(BEHAVIOR, behaviorAsWritten(behavior));
  if (listOf(conditions).length > 0) carry(CONDITIONS, listOf(conditions).map(conditionAsWritten));
  return {
    ...rest,
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(metadata, annotations),
    spec: defined({
      scaleTargetRef,
      minReplicas,
      maxReplicas,
      targetCPUUtilizationPercentage: target && valueAt(target, ['resource', 'target', 'averageUtilization']),
    }),
    status: defined({
      ...counts,
      currentReplicas: counts['currentReplicas'] ?? 0,
      currentCPUUtilizationPercentage: cpu && valueAt(cpu, ['resource', 'current', 'averageUtilization']),
    }),
  };
}

function toV2({ metadata, spec = {}, status = {}, ...rest }: KubeObject): KubeObject {
  const annotations = metadata.annotations ?? {};
  const { targetCPUUtilizationPercentage: target, ...kept } = spec;
  const { currentCPUUtilizationPercentage: current, ...counts } = status;
  const carried = (key: string): Fields[] | undefined => {
    const value = Object.hasOwn(annotations, key) ? parsed(annotations[key]) : undefined;
    return Array.isArray(value) ? value.filter(isFields) : undefined;
  };
  const metrics = (carried(METRICS) ?? []).map((metric) => metricToV2(metric, SPEC));
  if (target !== undefined) metrics.push(cpuMetric(target));
  if (metrics.length === 0) metrics.push(cpuMetric(DEFAULT_CPU_UTILIZATION));
  const behavior = behaviorAsRead(parsed(annotations[BEHAVIOR]));
  const cpu = { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } };
  const currentMetrics =
    carried(CURRENT_METRICS)?.map((metric) => metricToV2(metric, STATUS)) ?? (current === undefined ? null : [cpu]);
  if (counts['currentReplicas'] === 0) delete counts['currentReplicas'];
  return {
    ...rest,
    apiVersion: 'autoscaling/v2',
    metadata: withAnnotations(metadata, withoutCarried(annotations)),
    spec: defined({ ...kept, metrics, behavior }),
    status: defined({ ...counts, conditions: carried(CONDITIONS), currentMetrics }),
  };
}

function cpuMetric(averageUtilization: unknown): Fields {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } };
}

function metricToV1(metric: Fields, tables: typeof SPEC): Fields {
  const converted: Fields = { type: metric['type'] };
  for (const type of TYPES) {
    const source = metric[keyOf(type)];
    if (!isFields(source)) continue;
    const fields: Fields = {};
    for (const [v1, ...v2] of tables[type] ?? []) {
      const value = valueAt(source, v2) ?? (ALWAYS[type]?.includes(v1) ? '0' : undefined);
      if (value !== undefined) fields[v1] = v1 === 'target' ? inOrder(value, REFERENCE) : value;
    }
    converted[keyOf(type)] = fields;
  }
  return converted;
}

function metricToV2(metric: Fields, tables: typeof SPEC): Fields {
  const converted: Fields = { type: metric['type'] };
  for (const type of TYPES) {
    const source = metric[keyOf(type)];
    if (!isFields(source)) continue;
    const fields: Fields = {};
    for (const [v1, ...v2] of tables[type] ?? []) {
      const value = source[v1] ?? (ALWAYS[type]?.includes(v1) ? '0' : undefined);
      if (value !== undefined) setAt(fields, v2, value);
    }
    if (tables === SPEC) setAt(fields, ['target', 'type'], targetTypeOf(type, source));
    converted[keyOf(type)] = fields;
  }
  return converted;
}

/** v1 does not say what kind of number a target is: what is set does. */
function targetTypeOf(type: string, source: Fields): string {
  if (type === 'Object') return source['averageValue'] === undefined ? 'Value' : 'AverageValue';
  if (type === 'External') return source['targetValue'] === undefined ? 'AverageValue' : 'Value';
  return source['targetAverageUtilization'] === undefined ? 'AverageValue' : 'Utilization';
}

const RULES = ['stabilizationWindowSeconds', 'selectPolicy', 'policies', 'tolerance'];
const POLICY = ['type', 'value', 'periodSeconds'];
const capital = (key: string): string => key.slice(0, 1).toUpperCase() + key.slice(1);

/** The annotation of the behaviour has the names of kube-apiserver's own fields, all of them. */
function behaviorAsWritten(behavior: Fields): Fields {
  const rulesOf = (rules: unknown): Fields | null => {
    if (!isFields(rules)) return null;
    const written = Object.fromEntries(RULES.map((key) => [capital(key), rules[key] ?? null]));
    if (Array.isArray(rules['policies'])) {
      written['Policies'] = listOf(rules['policies']).map((policy) =>
        Object.fromEntries(POLICY.map((key) => [capital(key), policy[key]])),
      );
    }
    return written;
  };
  return { ScaleUp: rulesOf(behavior['scaleUp']), ScaleDown: rulesOf(behavior['scaleDown']) };
}

function behaviorAsRead(value: unknown): Fields | undefined {
  if (!isFields(value)) return undefined;
  const rulesOf = (rules: unknown): Fields | undefined => {
    if (!isFields(rules)) return undefined;
    const read = defined(Object.fromEntries(RULES.map((key) => [key, caseless(rules, key) ?? undefined])));
    if (Array.isArray(read['policies'])) {
      read['policies'] = listOf(read['policies']).map((policy) =>
        Object.fromEntries(POLICY.map((key) => [key, caseless(policy, key)])),
      );
    }
    return read;
  };
  const behavior = defined({
    scaleUp: rulesOf(caseless(value, 'scaleUp')),
    scaleDown: rulesOf(caseless(value, 'scaleDown')),
  });
  return Object.keys(behavior).length === 0 ? undefined : behavior;
}

/** Go reads JSON without regard to the case of names. */
function caseless(fields: Fields, key: string): unknown {
  const found = Object.keys(fields).find((name) => name.toLowerCase() === key.toLowerCase());
  return found === undefined ? undefined : fields[found];
}

const conditionAsWritten = (condition: Fields): unknown =>
  inOrder(condition, ['type', 'status', 'lastTransitionTime', 'reason', 'message']);

function inOrder(value: unknown, keys: readonly string[]): unknown {
  if (!isFields(value)) return value;
  return defined(Object.fromEntries(keys.map((key) => [key, value[key]])));
}

function withoutCarried(annotations: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const kept = { ...annotations };
  for (const key of [METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR, ...TOLERANCES]) delete kept[key];
  return kept;
}

function withAnnotations(
  metadata: KubeObject['metadata'],
  annotations: Record<string, string>,
): KubeObject['metadata'] {
  const { annotations: _, ...kept } = metadata;
  const entries = Object.entries(annotations).sort(([a], [b]) => compareText(a, b));
  return entries.length === 0 ? kept : { ...kept, annotations: Object.fromEntries(entries) };
}

/** JSON as Go writes it, which keeps < > & out of the text. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
}

/** The value of an annotation; one that is no JSON is as good as none. */
function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

function valueAt(fields: Fields, path: readonly string[]): unknown {
  let value: unknown = fields;
  for (const key of path) value = isFields(value) ? value[key] : undefined;
  return value;
}

function setAt(fields: Fields, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path;
  if (rest.length === 0) fields[key] = value;
  else {
    const inner = isFields(fields[key]) ? fields[key] : {};
    fields[key] = inner;
    setAt(inner, rest, value);
  }
}

function defined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
