import {
  cloneJson,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { nonNegative } from '../checks.ts';
import { ensureObject, numberAt, objectAt, setDefault } from '../fields.ts';
import { immutableErrors } from '../immutable.ts';
import { nameWarnings } from '../name-warnings.ts';
import { amountOf, atMostAllErrors, intOrPercentErrors } from '../percent.ts';
import { changedTemplateWarnings, defaultTemplate, replicasOfTemplateErrors } from './pod-template.ts';
import { collisionErrors, countErrors, dropTerminating, replicaErrors } from './status.ts';

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
      ...(old ? immutableErrors(deployment, old, ['spec.selector']) : []),
    ];
  },
  warnings: (deployment, old) => [
    ...(old ? [] : nameWarnings(deployment)),
    ...changedTemplateWarnings(deployment, old),
  ],
  /** Annotations count, too: they go on to the replica sets. */
  isChanged: (deployment, old) => !equalJson(deployment.metadata.annotations ?? {}, old.metadata.annotations ?? {}),
  subresources: {
    status: {
      prepareForUpdate(deployment, old) {
        keepLabels(deployment, old);
        dropTerminating(deployment, old);
      },
      validate: (deployment, old) => [
        ...countErrors(deployment.status, [
          ...['observedGeneration', 'replicas', 'updatedReplicas', 'readyReplicas'],
          ...['availableReplicas', 'unavailableReplicas', 'terminatingReplicas', 'collisionCount'],
        ]),
        ...replicaErrors(deployment.status, ['updatedReplicas', 'readyReplicas', 'availableReplicas']),
        ...collisionErrors(deployment, old),
      ],
    },
  },
};

function keepLabels(object: KubeObject, old: KubeObject): void {
  if (old.metadata.labels) object.metadata.labels = cloneJson(old.metadata.labels);
  else delete object.metadata.labels;
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
      return [unsupportedValue(path, asInternal(strategy), ['Recreate', 'RollingUpdate'])];
  }
}

/** A strategy as kube-apiserver prints it in errors: by the names of its own fields. */
export function asInternal(strategy: Fields): Fields {
  const rolling = objectAt(strategy, 'rollingUpdate');
  return {
    Type: strategy['type'] ?? '',
    RollingUpdate: rolling
      ? { MaxUnavailable: rolling['maxUnavailable'] ?? 0, MaxSurge: rolling['maxSurge'] ?? 0 }
      : null,
  };
}

function rollingUpdateErrors(rolling: Fields, path: string): StatusCause[] {
  const { maxUnavailable, maxSurge } = rolling;
  const errors = [
    ...intOrPercentErrors(maxUnavailable, `${path}.maxUnavailable`),
    ...intOrPercentErrors(maxSurge, `${path}.maxSurge`),
  ];
  if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
    errors.push(invalidValue(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  return [...errors, ...atMostAllErrors(maxUnavailable, `${path}.maxUnavailable`)];
}

function deadlineErrors(spec: Fields): StatusCause[] {
  const deadline = numberAt(spec, 'progressDeadlineSeconds') ?? 600;
  const errors = nonNegative(spec, 'progressDeadlineSeconds', 'spec');
  if (deadline <= (numberAt(spec, 'minReadySeconds') ?? 0)) {
    errors.push(invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  }
  return errors;
}
