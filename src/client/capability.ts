import type { KubeObject } from '../machinery/index.ts';
import type { Controller, PlatformContext } from './controller.ts';

/** A part of the platform that is switched on as a whole: what it installs and what it runs. */
export interface Capability {
  readonly name: string;
  /** Applied at start, before the controllers run. */
  readonly crds: readonly KubeObject[];
  controllers(context: PlatformContext): Controller[];
}
