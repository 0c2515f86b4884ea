import { countIndexes, type Interval, intersectIndexes } from '../../machinery/index.ts';
import type { ContainerStatus, Pod } from '../types.ts';
import { clippedIndexes } from './indexes.ts';
import type { FailureRule, JobSpec } from './types.ts';

export interface FailureMatch {
  /** Absent if no rule speaks of the failure. */
  action?: FailureRule['action'];
  /** Whether the failure counts towards the limits. */
  counts: boolean;
  /** Why the job fails; there for FailJob only. */
  message?: string;
}

/** What the first matching rule of a job's podFailurePolicy says about a failed pod (KEP-3329). */
export function matchFailure({ podFailurePolicy }: JobSpec, pod: Pod): FailureMatch {
  for (const [index, rule] of (podFailurePolicy?.rules ?? []).entries()) {
    const what = whatMatches(rule, pod);
    if (what === undefined) continue;
    const { action } = rule;
    const match: FailureMatch = { action, counts: action !== 'Ignore' };
    return action === 'FailJob' ? { ...match, message: `${what} matching FailJob rule at index ${index}` } : match;
  }
  return { counts: true };
}

function whatMatches({ onExitCodes, onPodConditions }: FailureRule, pod: Pod): string | undefined {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  const { containerStatuses = [], initContainerStatuses = [], conditions = [] } = pod.status ?? {};
  if (onExitCodes) {
    const found = [...containerStatuses, ...initContainerStatuses].find((one) => hasExitCode(one, onExitCodes));
    return (
      found && `Container ${found.name} for pod ${name} failed with exit code ${found.state?.terminated?.exitCode}`
    );
  }
  const condition = conditions.find(({ type, status }) =>
    onPodConditions?.some((pattern) => pattern.type === type && pattern.status === status),
  );
  return condition && `Pod ${name} has condition ${condition.type}`;
}

function hasExitCode(
  { name, state }: ContainerStatus,
  { containerName, operator, values }: NonNullable<FailureRule['onExitCodes']>,
): boolean {
  const exitCode = state?.terminated?.exitCode;
  if (!exitCode || (containerName !== undefined && containerName !== name)) return false;
  return values.includes(exitCode) === (operator === 'In');
}

/** Which rule of a job's successPolicy is met, in words (KEP-3998). */
export function matchSuccess(spec: JobSpec, succeeded: readonly Interval[]): string | undefined {
  const met = (spec.successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined)
      return succeededCount !== undefined && countIndexes(succeeded) >= succeededCount;
    const required = clippedIndexes(succeededIndexes, spec.completions ?? 0);
    if (required.length === 0) return false;
    const contained = countIndexes(intersectIndexes(required, succeeded));
    return contained === countIndexes(required) || (succeededCount !== undefined && contained >= succeededCount);
  });
  return met < 0 || succeeded.length === 0 ? undefined : `Matched rules at index ${met}`;
}
