import {
  badRequest,
  equalJson,
  type Fields,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { nonNegative, selectorErrors } from '../checks.ts';
import { ensureObject, objectAt, setDefault, textAt } from '../fields.ts';
import { immutableErrors } from '../immutable.ts';
import { amountOf, atMostAllErrors, intOrPercentErrors } from '../percent.ts';
import { podTemplateErrors } from '../pod/spec.ts';
import { asInternal } from './deployment.ts';
import {
  changedTemplateWarnings,
  defaultTemplate,
  emptySelectorErrors,
  endlessErrors,
  isUnusable,
  templateLabelErrors,
} from './pod-template.ts';
import { collisionErrors, countErrors } from './status.ts';

/** Kept for clients of old: how often the template has changed. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

export const daemonSetStrategy: KindStrategy = {
  applyDefaults(set) {
    checkTemplateGeneration(set);
    const spec = ensureObject(set, 'spec');
    const strategy = ensureObject(spec, 'updateStrategy');
    setDefault(strategy, 'type', 'RollingUpdate');
    if (strategy['type'] === 'RollingUpdate') {
      const rolling = ensureObject(strategy, 'rollingUpdate');
      setDefault(rolling, 'maxUnavailable', 1);
      setDefault(rolling, 'maxSurge', 0);
    }
    setDefault(spec, 'revisionHistoryLimit', 10);
    defaultTemplate(spec);
  },
  prepareForCreate: (set) => setTemplateGeneration(set, Math.max(templateGenerationOf(set), 1)),
  prepareForUpdate(set, old) {
    const changed = !equalJson(set.spec?.['template'], old.spec?.['template']);
    setTemplateGeneration(set, templateGenerationOf(old) + (changed ? 1 : 0));
  },
  validate(set, old) {
    const spec = set.spec ?? {};
    return [...(old ? immutableErrors(set, old, ['spec.selector']) : []), ...specErrors(spec)];
  },
  warnings: changedTemplateWarnings,
  subresources: {
    status: {
      validate: (set, old) => [
        ...countErrors(set.status, [
          ...['currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady'],
          ...['observedGeneration', 'updatedNumberScheduled', 'numberAvailable', 'numberUnavailable', 'collisionCount'],
        ]),
        ...collisionErrors(set, old),
      ],
    },
  },
};

/** Throws ApiError 400 for what is no int64: kube-apiserver reads it with the object. */
function checkTemplateGeneration({ metadata }: KubeObject): void {
  const text = metadata.annotations?.[TEMPLATE_GENERATION];
  if (text === undefined) return;
  const digits = /^[+-]?\d+$/.test(text);
  if (digits && BigInt.asIntN(64, BigInt(text.replace('+', ''))) === BigInt(text.replace('+', ''))) return;
  const why = `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${digits ? 'value out of range' : 'invalid syntax'}`;
  throw badRequest(`DaemonSet in version "v1" cannot be handled as a DaemonSet: ${why}`);
}

function templateGenerationOf({ metadata }: KubeObject): number {
  return amountOf(metadata.annotations?.[TEMPLATE_GENERATION] ?? 0);
}

function setTemplateGeneration({ metadata }: KubeObject, generation: number): void {
  metadata.annotations = { ...metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
}

function specErrors(spec: Fields): StatusCause[] {
  const selector = objectAt(spec, 'selector');
  return [
    ...(selector ? selectorErrors(selector, 'spec.selector') : []),
    ...(isUnusable(selector) ? [] : templateLabelErrors(spec)),
    ...emptySelectorErrors(selector, 'daemonset'),
    ...podTemplateErrors(objectAt(spec, 'template') ?? {}, 'spec.template'),
    ...endlessErrors(spec, 'DaemonSet'),
    ...nonNegative(spec, 'minReadySeconds', 'spec'),
    ...strategyErrors(objectAt(spec, 'updateStrategy') ?? {}, 'spec.updateStrategy'),
    ...nonNegative(spec, 'revisionHistoryLimit', 'spec'),
  ];
}

function strategyErrors(strategy: Fields, path: string): StatusCause[] {
  const type = textAt(strategy, 'type');
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') return [unsupportedValue(path, asInternal(strategy), ['RollingUpdate', 'OnDelete'])];
  const at = `${path}.rollingUpdate`;
  const { maxUnavailable, maxSurge } = objectAt(strategy, 'rollingUpdate') ?? {};
  const errors = [
    ...intOrPercentErrors(maxUnavailable, `${at}.maxUnavailable`),
    ...intOrPercentErrors(maxSurge, `${at}.maxSurge`),
    ...atMostAllErrors(maxUnavailable, `${at}.maxUnavailable`),
    ...atMostAllErrors(maxSurge, `${at}.maxSurge`),
  ];
  const [unavailable, surge] = [amountOf(maxUnavailable) !== 0, amountOf(maxSurge) !== 0];
  if (unavailable && surge) {
    errors.push(invalidValue(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  }
  if (!unavailable && !surge) {
    errors.push(requiredValue(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  }
  return errors;
}
