import type { Capability } from '../client/index.ts';
import { definitionController } from './definition-controller.ts';
import { definitionCrds } from './definition-crds.ts';

/** kro's definitions (ResourceGraphDefinition, and its old name ResourceGroup) and the instances of what they define. */
export const compose: Capability = {
  name: 'compose',
  crds: definitionCrds,
  controllers: (context) => [definitionController(context)],
};
