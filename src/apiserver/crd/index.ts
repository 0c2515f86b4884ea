/** CustomResourceDefinitions: what makes a valid one, what its status says, and the resources it serves. */
export type { DefinitionConversion, DefinitionNames } from './definition.ts';
export { establishedStatus } from './establish.ts';
export { type CustomResource, servedResources } from './served.ts';
export { crdStrategy } from './strategy.ts';
