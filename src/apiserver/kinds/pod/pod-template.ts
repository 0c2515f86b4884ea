import type { KindStrategy } from '../../contracts.ts';
import { ensureObject, objectAt } from '../fields.ts';
import { defaultPodSpec } from './defaults.ts';
import { podTemplateErrors } from './spec.ts';
import { podWarnings } from './warnings.ts';

/** A template of pods by itself, for whoever wants to refer to one. */
export const podTemplateStrategy: KindStrategy = {
  applyDefaults(object) {
    defaultPodSpec(ensureObject(ensureObject(object, 'template'), 'spec'));
  },
  warnings: (object) => podWarnings(objectAt(object, 'template') ?? {}, 'template'),
  validate: (object) => podTemplateErrors(objectAt(object, 'template') ?? {}, 'template'),
};
