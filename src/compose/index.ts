export { compose } from './capability.ts';
export { openProvenance } from './open-provenance.ts';
