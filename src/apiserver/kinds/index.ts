export { strategyFor } from './strategy.ts';
