export { unhandledKinds } from './unhandled-kinds.ts';
export { type WorkloadOptions, workloadControllers } from './workload-controllers.ts';
