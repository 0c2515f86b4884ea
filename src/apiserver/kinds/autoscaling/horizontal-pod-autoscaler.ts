import {
  convertAutoscaler,
  DEFAULT_CPU_UTILIZATION,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { countErrors } from '../apps/status.ts';
import { ensureObject, numberAt, objectAt, objectsAt, setDefault, textAt } from '../fields.ts';
import { metricErrors, referenceErrors } from './metrics.ts';

const V2 = 'autoscaling/v2';
const MAX_WINDOW_SECONDS = 3600;
const MAX_PERIOD_SECONDS = 1800;

/** Both versions: what is wrong is said of the fields of v2, as which autoscalers are stored. */
export const horizontalPodAutoscalerStrategy: KindStrategy = {
  applyDefaults(autoscaler) {
    const spec = ensureObject(autoscaler, 'spec');
    setDefault(spec, 'minReplicas', 1);
    if (autoscaler.apiVersion !== V2) return;
    if (objectsAt(spec, 'metrics').length === 0) {
      const target = { type: 'Utilization', averageUtilization: DEFAULT_CPU_UTILIZATION };
      spec['metrics'] = [{ type: 'Resource', resource: { name: 'cpu', target } }];
    }
    const behavior = objectAt(spec, 'behavior');
    if (behavior) defaultBehavior(behavior);
  },
  prepareForCreate: dropTolerances,
  prepareForUpdate: dropTolerances,
  validate(given, old) {
    const [{ spec = {} }, before] = [convertAutoscaler(given, V2), old && convertAutoscaler(old, V2).spec];
    return [...sizeErrors(spec, before), ...targetErrors(spec, before), ...behaviorErrors(objectAt(spec, 'behavior'))];
  },
  subresources: { status: { validate: ({ status }) => countErrors(status, ['currentReplicas', 'desiredReplicas']) } },
};

const policy = (type: string, value: number): Fields => ({ type, value, periodSeconds: 15 });

function defaultBehavior(behavior: Fields): void {
  const up = ensureObject(behavior, 'scaleUp');
  setDefault(up, 'stabilizationWindowSeconds', 0);
  setDefault(up, 'selectPolicy', 'Max');
  up['policies'] ??= [policy('Pods', 4), policy('Percent', 100)];
  const down = ensureObject(behavior, 'scaleDown');
  setDefault(down, 'selectPolicy', 'Max');
  down['policies'] ??= [policy('Percent', 100)];
}

/** Tolerances are behind a feature gate that is off. */
function dropTolerances({ spec }: KubeObject): void {
  const behavior = objectAt(spec, 'behavior');
  for (const key of ['scaleUp', 'scaleDown']) delete objectAt(behavior, key)?.['tolerance'];
}

function sizeErrors(spec: Fields, old: Fields | undefined): StatusCause[] {
  const errors: StatusCause[] = [];
  const [min, max] = [numberAt(spec, 'minReplicas'), numberAt(spec, 'maxReplicas') ?? 0];
  const lowest = old?.['minReplicas'] === 0 ? 0 : 1;
  if (min !== undefined && min < lowest) {
    errors.push(invalidValue('spec.minReplicas', min, `must be greater than or equal to ${lowest}`));
  }
  if (max < 1) errors.push(invalidValue('spec.maxReplicas', max, 'must be greater than 0'));
  if (min !== undefined && max < min) {
    errors.push(invalidValue('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'));
  }
  return errors;
}

function targetErrors(spec: Fields, old: Fields | undefined): StatusCause[] {
  const target = objectAt(spec, 'scaleTargetRef');
  const before = objectAt(old, 'scaleTargetRef');
  const isKept = before?.['kind'] === target?.['kind'] && before?.['apiVersion'] === target?.['apiVersion'];
  const needsGroup = textAt(target, 'kind') !== 'ReplicationController' && !(old && isKept);
  const metrics = objectsAt(spec, 'metrics');
  const errors = [
    ...referenceErrors(target, 'spec.scaleTargetRef', needsGroup),
    ...metrics.flatMap((metric, index) => metricErrors(metric, `spec.metrics[${index}]`)),
  ];
  const wakes = metrics.some(({ type }) => type === 'Object' || type === 'External');
  if (spec['minReplicas'] === 0 && !wakes) {
    const detail = 'must specify at least one Object or External metric to support scaling to zero replicas';
    errors.push(forbiddenValue('spec.metrics', detail));
  }
  return errors;
}

function behaviorErrors(behavior: Fields | undefined): StatusCause[] {
  return ['scaleUp', 'scaleDown'].flatMap((key) => rulesErrors(objectAt(behavior, key), `spec.behavior.${key}`));
}

function rulesErrors(rules: Fields | undefined, path: string): StatusCause[] {
  if (!rules) return [];
  const errors: StatusCause[] = [];
  const window = numberAt(rules, 'stabilizationWindowSeconds') ?? 0;
  const at = `${path}.stabilizationWindowSeconds`;
  if (window < 0) errors.push(invalidValue(at, window, 'must be greater than or equal to zero'));
  if (window > MAX_WINDOW_SECONDS) {
    errors.push(invalidValue(at, window, `must be less than or equal to ${MAX_WINDOW_SECONDS}`));
  }
  const select = rules['selectPolicy'];
  const selects = ['Disabled', 'Max', 'Min'];
  if (select !== undefined && !selects.includes(String(select))) {
    errors.push(unsupportedValue(`${path}.selectPolicy`, select, selects));
  }
  const policies = objectsAt(rules, 'policies');
  if (policies.length === 0) errors.push(requiredValue(`${path}.policies`, 'must specify at least one Policy'));
  return [...errors, ...policies.flatMap((one, index) => policyErrors(one, `${path}.policies[${index}]`))];
}

function policyErrors(one: Fields, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  const type = textAt(one, 'type');
  if (type !== 'Pods' && type !== 'Percent') errors.push(unsupportedValue(`${path}.type`, type, ['Percent', 'Pods']));
  for (const key of ['value', 'periodSeconds']) {
    const value = numberAt(one, key) ?? 0;
    if (value <= 0) errors.push(invalidValue(`${path}.${key}`, value, 'must be greater than zero'));
  }
  const period = numberAt(one, 'periodSeconds') ?? 0;
  if (period > MAX_PERIOD_SECONDS) {
    const detail = `must be less than or equal to ${MAX_PERIOD_SECONDS}`;
    errors.push(invalidValue(`${path}.periodSeconds`, period, detail));
  }
  return errors;
}
