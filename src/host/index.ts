export { lockHolder, takeLock } from './lock.ts';
export { startTime } from './process.ts';
