import { type Capability, type Demand, onDemand, type PlatformContext } from '../client/index.ts';
import { definitionCrds } from './definition-crds.ts';
import { customResourceDefinitions, definitionResources, OWNED_LABEL } from './names.ts';

/** A definition; or a kind that one left behind, whose instances are still to be deleted. */
const demands: readonly Demand[] = [
  ...definitionResources.map((resource) => ({ resource })),
  { resource: customResourceDefinitions, when: ({ metadata }) => metadata.labels?.[OWNED_LABEL] === 'true' },
];

async function load(context: PlatformContext) {
  const { definitionController } = await import('./definition-controller.ts');
  return definitionController(context);
}

/** kro's definitions (ResourceGraphDefinition, and its old name ResourceGroup) and the instances of what they define. */
export const compose: Capability = {
  name: 'compose',
  crds: definitionCrds,
  controllers: (context) => [onDemand({ name: 'compose-definitions', context, demands, load: () => load(context) })],
};
