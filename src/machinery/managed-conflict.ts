import { type FieldSet, printPaths } from './field-set.ts';
import type { Manager } from './managed-entries.ts';
import { ApiError } from './status.ts';
import { compareText } from './text.ts';

/** Fields that somebody applies and another manager owns with another value. */
export interface Conflict {
  manager: Manager;
  set: FieldSet;
}

function printManager({ manager, operation, apiVersion, subresource }: Manager): string {
  const name = subresource === undefined ? `"${manager}"` : `"${manager}" with subresource "${subresource}"`;
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

/** kube-apiserver tells of managers in the order of what identifies them, written as JSON. */
function sortKey({ manager, operation, apiVersion, subresource }: Manager): string {
  const version = operation === 'Apply' ? undefined : apiVersion;
  return JSON.stringify({ manager, operation, apiVersion: version, subresource });
}

/** The 409 of an apply: a cause a field, worded as kube-apiserver words it. */
export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const described = conflicts
    .map(({ manager, set }) => ({ key: sortKey(manager), manager: printManager(manager), paths: printPaths(set) }))
    .sort((a, b) => compareText(a.key, b.key));
  const causes = described.flatMap(({ manager, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${manager}`, field })),
  );
  const [only] = causes;
  const message =
    causes.length === 1 && only
      ? `Apply failed with 1 conflict: ${only.message}: ${only.field}`
      : `Apply failed with ${causes.length} conflicts: ${described.map(describeConflict).join('\n')}`;
  return new ApiError(409, 'Conflict', message, { causes });
}

const describeConflict = ({ manager, paths }: { manager: string; paths: string[] }): string =>
  [`conflicts with ${manager}:`, ...paths.map((path) => `- ${path}`)].join('\n');
