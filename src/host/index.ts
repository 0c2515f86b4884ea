export { dataDirHolder, lockDataDir, unlockDataDir } from './data-dir.ts';
export { lockHolder, takeLock } from './lock.ts';
export { startTime } from './process.ts';
export { createTurns } from './turns.ts';
