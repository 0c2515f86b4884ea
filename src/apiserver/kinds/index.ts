export { localApiStatus } from './api-service.ts';
export { annotationErrors } from './checks.ts';
export { flowControlObjects } from './flowcontrol/bootstrap.ts';
export { strategyFor } from './strategy.ts';
