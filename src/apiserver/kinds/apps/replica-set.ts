import type { KindStrategy } from '../../contracts.ts';
import { nonNegative } from '../checks.ts';
import { ensureObject, setDefault } from '../fields.ts';
import { immutableErrors } from '../immutable.ts';
import { nameWarnings } from '../name-warnings.ts';
import { changedTemplateWarnings, defaultTemplate, replicasOfTemplateErrors } from './pod-template.ts';
import { countErrors, dropTerminating, replicaErrors } from './status.ts';

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
      ...(old ? immutableErrors(replicaSet, old, ['spec.selector']) : []),
    ];
  },
  warnings: (replicaSet, old) => [
    ...(old ? [] : nameWarnings(replicaSet)),
    ...changedTemplateWarnings(replicaSet, old),
  ],
  subresources: {
    status: {
      prepareForUpdate: dropTerminating,
      validate: ({ status }) => [
        ...countErrors(status, [
          ...['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
          ...['observedGeneration', 'terminatingReplicas'],
        ]),
        ...replicaErrors(status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']),
      ],
    },
  },
};
