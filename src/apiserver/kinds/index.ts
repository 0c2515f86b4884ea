export { annotationErrors } from './checks.ts';
export { strategyFor } from './strategy.ts';
