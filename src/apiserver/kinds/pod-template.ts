import type { KindStrategy } from '../contracts.ts';
import { ensureObject, objectAt } from './fields.ts';
import { defaultPodSpec } from './pod-defaults.ts';
import { podTemplateErrors } from './pod-spec-errors.ts';

/** A template of pods by itself, for whoever wants to refer to one. */
export const podTemplateStrategy: KindStrategy = {
  applyDefaults(object) {
    defaultPodSpec(ensureObject(ensureObject(object, 'template'), 'spec'));
  },
  validate: (object) => podTemplateErrors(objectAt(object, 'template') ?? {}, 'template'),
};
