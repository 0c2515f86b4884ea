export { compose } from './capability.ts';
export { createProvenance } from './provenance.ts';
