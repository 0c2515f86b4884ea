export { installSnapshots } from './snapshots/install.ts';
export { unhandledKinds } from './unhandled-kinds.ts';
export { installStandardClass } from './volumes/standard-class.ts';
export { type WorkloadOptions, workloadControllers } from './workload-controllers.ts';
