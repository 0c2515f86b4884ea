export { localApiStatus } from './api-service.ts';
export { annotationErrors, unqualifiedFinalizer } from './checks.ts';
export { flowControlObjects } from './flowcontrol/bootstrap.ts';
export { normalAddress } from './networking/ip-values.ts';
export { pathSegmentErrors } from './path-segment.ts';
export { settleFamilies } from './service/families.ts';
export { getsNodePorts, needsHealthCheck, usesNodePorts } from './service/types.ts';
export { strategyFor } from './strategy.ts';
