export { installSnapshots } from './snapshots/install.ts';
export { installStandardClass } from './volumes/standard-class.ts';
export { type WorkloadOptions, workloadControllers } from './workload-controllers.ts';
