/**
 * A Kubernetes control plane for tests, inside the process that runs them: docs/envtest.md. Beside it, what a controller
 * in TypeScript is written with.
 */
export {
  type Client,
  type Controller,
  type ControllerOptions,
  createController,
  type PlatformContext,
} from '../client/index.ts';
export {
  ApiError,
  isReason,
  type KubeObject,
  keyOf,
  ownerReferenceTo,
  type Resource,
  resourceOf,
  splitKey,
} from '../machinery/index.ts';
export type { ControlPlane, ControlPlaneOptions, Manifest } from './control-plane.ts';
export { addNode, seemingKubelet } from './seeming-nodes.ts';
export { startControlPlane } from './start-control-plane.ts';
export { hasCondition, type UntilOptions } from './until.ts';
