import {
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  type LabelSelectorSpec,
  labelSelectorOf,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { isGiven, nonNegative, selectorErrors } from './checks.ts';
import { ensureObject, mapAt, numberAt, objectAt, setDefault, textAt } from './fields.ts';
import { defaultPodSpec } from './pod-defaults.ts';
import { podTemplateErrors } from './pod-spec-errors.ts';

function defaultTemplate(spec: Fields): void {
  const template = ensureObject(spec, 'template');
  ensureObject(template, 'metadata');
  defaultPodSpec(ensureObject(template, 'spec'));
}

export const deploymentStrategy: KindStrategy = {
  applyDefaults(deployment) {
    const spec = ensureObject(deployment, 'spec');
    setDefault(spec, 'replicas', 1);
    setDefault(spec, 'revisionHistoryLimit', 10);
    setDefault(spec, 'progressDeadlineSeconds', 600);
    const strategy = ensureObject(spec, 'strategy');
    setDefault(strategy, 'type', 'RollingUpdate');
    if (strategy['type'] === 'RollingUpdate') {
      const rolling = ensureObject(strategy, 'rollingUpdate');
      setDefault(rolling, 'maxUnavailable', '25%');
      setDefault(rolling, 'maxSurge', '25%');
    }
    defaultTemplate(spec);
  },
  validate(deployment, old) {
    const spec = deployment.spec ?? {};
    return [
      ...nonNegative(spec, 'replicas', 'spec'),
      ...replicasOfTemplateErrors(spec),
      ...rolloutErrors(objectAt(spec, 'strategy') ?? {}, 'spec.strategy'),
      ...nonNegative(spec, 'minReadySeconds', 'spec'),
      ...nonNegative(spec, 'revisionHistoryLimit', 'spec'),
      ...deadlineErrors(spec),
      ...immutableSelector(spec, old),
    ];
  },
};

export const replicaSetStrategy: KindStrategy = {
  applyDefaults(replicaSet) {
    const spec = ensureObject(replicaSet, 'spec');
    setDefault(spec, 'replicas', 1);
    defaultTemplate(spec);
  },
  validate(replicaSet, old) {
    const spec = replicaSet.spec ?? {};
    return [
      ...nonNegative(spec, 'replicas', 'spec'),
      ...nonNegative(spec, 'minReadySeconds', 'spec'),
      ...replicasOfTemplateErrors(spec),
      ...immutableSelector(spec, old),
    ];
  },
};

function immutableSelector(spec: Fields, old: KubeObject | undefined): StatusCause[] {
  if (!old || equalJson(spec['selector'] ?? null, old.spec?.['selector'] ?? null)) return [];
  return [invalidValue('spec.selector', spec['selector'], 'field is immutable')];
}

/** The selector, the template, and that the one selects the other. */
function replicasOfTemplateErrors(spec: Fields): StatusCause[] {
  const selector = objectAt(spec, 'selector');
  const template = objectAt(spec, 'template') ?? {};
  const errors: StatusCause[] = [];
  if (!selector) errors.push(requiredValue('spec.selector'));
  else {
    const wrong = selectorErrors(selector, 'spec.selector');
    errors.push(...wrong);
    if (!isGiven(selector['matchLabels']) && !isGiven(selector['matchExpressions'])) {
      errors.push(invalidValue('spec.selector', selector, 'empty selector is invalid for deployment'));
    }
    if (wrong.length > 0) return [...errors, invalidValue('spec.selector', selector, 'invalid label selector')];
  }
  return [...errors, ...templateErrors(template, selector)];
}

function templateErrors(template: Fields, selector: LabelSelectorSpec | undefined): StatusCause[] {
  const errors: StatusCause[] = [];
  const labels = mapAt(objectAt(template, 'metadata'), 'labels');
  const selects = labelSelectorOf(selector);
  if (!selects.empty && !selects.matches(labels)) {
    const given = objectAt(objectAt(template, 'metadata'), 'labels') ?? null;
    const detail = '`selector` does not match template `labels`';
    errors.push(invalidValue('spec.template.metadata.labels', given, detail));
  }
  errors.push(...podTemplateErrors(template, 'spec.template'));
  const pod = objectAt(template, 'spec');
  const policy = textAt(pod, 'restartPolicy');
  if (policy !== 'Always') errors.push(unsupportedValue('spec.template.spec.restartPolicy', policy, ['Always']));
  if (isGiven(pod?.['activeDeadlineSeconds'])) {
    const detail = 'activeDeadlineSeconds in ReplicaSet is not Supported';
    errors.push(forbiddenValue('spec.template.spec.activeDeadlineSeconds', detail));
  }
  return errors;
}

function rolloutErrors(strategy: Fields, path: string): StatusCause[] {
  const rolling = objectAt(strategy, 'rollingUpdate');
  switch (strategy['type']) {
    case 'Recreate':
      return rolling
        ? [forbiddenValue(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")]
        : [];
    case 'RollingUpdate':
      return rollingUpdateErrors(rolling ?? {}, `${path}.rollingUpdate`);
    default:
      return [unsupportedValue(path, strategy, ['Recreate', 'RollingUpdate'])];
  }
}

const percentPattern = '[0-9]+%';

function intOrPercentErrors(value: unknown, path: string): StatusCause[] {
  if (typeof value === 'number') {
    return value < 0 ? [invalidValue(path, value, 'must be greater than or equal to 0')] : [];
  }
  if (/^[0-9]+%$/.test(String(value))) return [];
  const what = "a valid percent string must be a numeric string followed by an ending '%'";
  const detail = `${what} (e.g. '1%',  or '93%', regex used for validation is '${percentPattern}')`;
  return [invalidValue(path, value, detail)];
}

const amountOf = (value: unknown): number => Number.parseInt(String(value), 10);

function rollingUpdateErrors(rolling: Fields, path: string): StatusCause[] {
  const { maxUnavailable, maxSurge } = rolling;
  const errors = [
    ...intOrPercentErrors(maxUnavailable, `${path}.maxUnavailable`),
    ...intOrPercentErrors(maxSurge, `${path}.maxSurge`),
  ];
  if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
    errors.push(invalidValue(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  if (typeof maxUnavailable === 'string' && amountOf(maxUnavailable) > 100) {
    errors.push(invalidValue(`${path}.maxUnavailable`, maxUnavailable, 'must not be greater than 100%'));
  }
  return errors;
}

function deadlineErrors(spec: Fields): StatusCause[] {
  const deadline = numberAt(spec, 'progressDeadlineSeconds') ?? 600;
  const errors = nonNegative(spec, 'progressDeadlineSeconds', 'spec');
  if (deadline <= (numberAt(spec, 'minReadySeconds') ?? 0)) {
    errors.push(invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  }
  return errors;
}
