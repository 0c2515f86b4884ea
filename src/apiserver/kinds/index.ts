export { localApiStatus } from './api-service.ts';
export { annotationErrors } from './checks.ts';
export { flowControlObjects } from './flowcontrol/bootstrap.ts';
export { normalAddress } from './networking/ip-values.ts';
export { settleFamilies } from './service/families.ts';
export { getsNodePorts, needsHealthCheck, usesNodePorts } from './service/types.ts';
export { strategyFor } from './strategy.ts';
