export { type Health, healthOf } from './health.ts';
export type { Provenance, Trace, TraceInput } from './provenance.ts';
export { clientSource, informerSource } from './source.ts';
export { renderTree, renderTroubles, renderWhy, treeJson } from './text.ts';
export { ownershipTree, type TreeNode } from './tree.ts';
export { findTroubles } from './troubles.ts';
export type { Diagnosis, Fixer, ObjectSource } from './types.ts';
export { usageApi, withUsage } from './usage.ts';
export { type DiagnoseInput, diagnose } from './why.ts';
