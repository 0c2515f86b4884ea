import {
  cloneJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  labelSelectorOf,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { changedTemplateWarnings } from './apps/pod-template.ts';
import { countErrors, replicaErrors } from './apps/status.ts';
import { isGiven, nonNegative } from './checks.ts';
import { ensureObject, mapAt, objectAt, setDefault, textAt } from './fields.ts';
import { nameWarnings } from './name-warnings.ts';
import { defaultPodSpec } from './pod/defaults.ts';
import { podTemplateErrors } from './pod/spec.ts';

/** The forerunner of ReplicaSet: its selector is a map of labels, by default those of its template. */
export const replicationControllerStrategy: KindStrategy = {
  applyDefaults(controller) {
    const spec = ensureObject(controller, 'spec');
    setDefault(spec, 'replicas', 1);
    const template = objectAt(spec, 'template');
    if (!template) return;
    defaultPodSpec(ensureObject(template, 'spec'));
    const labels = objectAt(objectAt(template, 'metadata'), 'labels') as Record<string, string> | undefined;
    if (!labels) return;
    if (!isGiven(spec['selector'])) spec['selector'] = cloneJson(labels);
    if (!isGiven(controller.metadata.labels)) controller.metadata.labels = cloneJson(labels);
  },
  validate({ spec = {} }, old) {
    const errors = specErrors(spec);
    // An update is checked as a new object, and as an update.
    return old ? [...errors, ...errors] : errors;
  },
  warnings: (controller, old) => [
    ...(old ? [] : nameWarnings(controller)),
    ...changedTemplateWarnings(controller, old),
  ],
  subresources: {
    status: {
      validate: ({ status }) => [
        ...countErrors(status, [
          ...['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration'],
        ]),
        ...replicaErrors(status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']),
      ],
    },
  },
};

function specErrors(spec: Fields): StatusCause[] {
  return [
    ...(isGiven(spec['selector']) ? [] : [requiredValue('spec.selector')]),
    ...templateErrors(spec, 'spec.template'),
    ...nonNegative(spec, 'replicas', 'spec'),
    ...nonNegative(spec, 'minReadySeconds', 'spec'),
  ];
}

function templateErrors(spec: Fields, path: string): StatusCause[] {
  const template = objectAt(spec, 'template');
  if (!template) return [requiredValue(path)];
  const errors: StatusCause[] = [];
  const labels = objectAt(objectAt(template, 'metadata'), 'labels');
  const selects = labelSelectorOf({ matchLabels: mapAt(spec, 'selector') });
  if (!selects.empty && !selects.matches(mapAt({ labels }, 'labels'))) {
    const detail = '`selector` does not match template `labels`';
    errors.push(invalidValue(`${path}.metadata.labels`, labels ?? null, detail));
  }
  errors.push(...podTemplateErrors(template, path));
  const pod = objectAt(template, 'spec');
  const policy = textAt(pod, 'restartPolicy');
  if (policy !== 'Always') errors.push(unsupportedValue(`${path}.spec.restartPolicy`, policy, ['Always']));
  if (pod?.['activeDeadlineSeconds'] !== undefined) {
    const detail = 'activeDeadlineSeconds in ReplicationController is not Supported';
    errors.push(forbiddenValue(`${path}.spec.activeDeadlineSeconds`, detail));
  }
  return errors;
}
