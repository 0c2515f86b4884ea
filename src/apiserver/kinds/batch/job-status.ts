import {
  commonIndex,
  duplicateValue,
  equalJson,
  type Fields,
  invalidValue,
  type KubeObject,
  parseIndexes,
  requiredValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import { nonNegative } from '../checks.ts';
import { numberAt, objectAt, objectsAt, textAt, textsAt } from '../fields.ts';

/** A Job before or after a write of its status, and what its conditions say. */
interface State {
  spec: Fields;
  status: Fields;
  complete: boolean;
  failed: boolean;
  failureTarget: boolean;
  successCriteriaMet: boolean;
  finished: boolean;
}

function stateOf({ spec = {}, status = {} }: KubeObject): State {
  const isTrue = (type: string): boolean =>
    objectsAt(status, 'conditions').some((condition) => condition['type'] === type && condition['status'] === 'True');
  const [complete, failed] = [isTrue('Complete'), isTrue('Failed')];
  return {
    spec,
    status,
    complete,
    failed,
    failureTarget: isTrue('FailureTarget'),
    successCriteriaMet: isTrue('SuccessCriteriaMet'),
    finished: complete || failed,
  };
}

const count = (status: Fields, key: string): number => numberAt(status, key) ?? 0;

/** Invalid conditions; the message does not repeat them. */
function badConditions(detail: string): StatusCause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${detail}`, field: 'status.conditions' };
}

/** What is wrong with a new status of a Job. What was wrong before and has not changed is let be. */
export function jobStatusErrors(job: KubeObject, old: KubeObject | undefined): StatusCause[] {
  const [now, before] = [stateOf(job), stateOf(old ?? job)];
  const changed = (...keys: string[]): boolean =>
    keys.some((key) => !equalJson(now.status[key] ?? null, before.status[key] ?? null));
  return [
    ...['active', 'succeeded', 'failed', 'ready', 'terminating'].flatMap((key) =>
      nonNegative(now.status, key, 'status'),
    ),
    ...uncountedErrors(objectAt(now.status, 'uncountedTerminatedPods')),
    ...completeErrors(now, before, changed),
    ...finishErrors(now, before, changed),
    ...indexErrors(now, changed),
    ...podErrors(now, before, changed),
    ...successErrors(now),
    ...transitionErrors(now, before, changed),
  ];
}

type Changed = (...keys: string[]) => boolean;

function uncountedErrors(uncounted: Fields | undefined): StatusCause[] {
  const seen = new Set<string>();
  return ['succeeded', 'failed'].flatMap((list) =>
    textsAt(uncounted, list).flatMap((uid, index) => {
      const at = `status.uncountedTerminatedPods.${list}[${index}]`;
      if (uid === '') return [invalidValue(at, uid, 'must not be empty')];
      if (seen.has(uid)) return [duplicateValue(at, uid)];
      seen.add(uid);
      return [];
    }),
  );
}

function completeErrors(now: State, before: State, changed: Changed): StatusCause[] {
  const errors: StatusCause[] = [];
  const { status, complete, failed } = now;
  const completeChanged = complete !== before.complete;
  if ((completeChanged || failed !== before.failed) && complete && failed) {
    errors.push(badConditions('cannot set Complete=True and Failed=true conditions'));
  }
  if ((completeChanged || now.failureTarget !== before.failureTarget) && complete && now.failureTarget) {
    errors.push(badConditions('cannot set Complete=True and FailureTarget=true conditions'));
  }
  const at = 'status.completionTime';
  const { completionTime, startTime } = status;
  if (completeChanged || changed('completionTime')) {
    if (completionTime !== undefined && !complete) {
      const detail = 'cannot set completionTime when there is no Complete=True condition';
      errors.push(invalidValue(at, completionTime, detail));
    }
    if (completionTime === undefined && complete) {
      errors.push(requiredValue(at, 'completionTime is required for Complete jobs'));
    }
  }
  const isBefore = Date.parse(String(completionTime)) < Date.parse(String(startTime));
  if (changed('startTime', 'completionTime') && isBefore) {
    errors.push(invalidValue(at, completionTime, 'must be equal to or after `startTime`'));
  }
  return errors;
}

function finishErrors(now: State, before: State, changed: Changed): StatusCause[] {
  const errors: StatusCause[] = [];
  const { spec, status, finished } = now;
  if ((now.failed !== before.failed || changed('failedIndexes')) && now.failed && !now.failureTarget) {
    errors.push(badConditions('cannot set Failed=True condition without the FailureTarget=true condition'));
  }
  const successChanged = now.complete !== before.complete || now.successCriteriaMet !== before.successCriteriaMet;
  if (successChanged && now.complete && !now.successCriteriaMet) {
    errors.push(badConditions('cannot set Complete=True condition without the SuccessCriteriaMet=true condition'));
  }
  if (!finished) return errors;
  const justFinished = finished !== before.finished;
  const active = count(status, 'active');
  if ((justFinished || changed('active')) && active > 0) {
    errors.push(invalidValue('status.active', active, 'active>0 is invalid for finished job'));
  }
  const neverStarts = spec['suspend'] === true && spec['completions'] === 0;
  if ((justFinished || changed('startTime')) && !neverStarts && status['startTime'] === undefined) {
    errors.push(requiredValue('status.startTime', 'startTime is required for finished job'));
  }
  const uncounted = objectAt(status, 'uncountedTerminatedPods');
  const left = textsAt(uncounted, 'failed').length + textsAt(uncounted, 'succeeded').length;
  if ((justFinished || changed('uncountedTerminatedPods')) && left > 0) {
    const printed = { Succeeded: uncounted?.['succeeded'] ?? null, Failed: uncounted?.['failed'] ?? null };
    errors.push(invalidValue('status.uncountedTerminatedPods', printed, 'must be empty for finished job'));
  }
  return errors;
}

function indexErrors({ spec, status }: State, changed: Changed): StatusCause[] {
  const errors: StatusCause[] = [];
  const completions = numberAt(spec, 'completions');
  const [completedText, failedText] = [textAt(status, 'completedIndexes'), status['failedIndexes']];
  const parsed = (text: unknown): ReturnType<typeof parseIndexes> => parseIndexes(String(text ?? ''), completions ?? 0);
  const [completed, failed] = [parsed(completedText), parsed(failedText)];
  const [completedChanged, failedChanged] = [changed('completedIndexes'), changed('failedIndexes')];
  const at = (key: string, detail: string): number => errors.push(invalidValue(`status.${key}`, status[key], detail));
  if (completedChanged && completions !== undefined && typeof completed === 'string') {
    at('completedIndexes', `error parsing completedIndexes: ${completed}`);
  }
  const perIndex = spec['backoffLimitPerIndex'] !== undefined;
  if (failedChanged && completions !== undefined && perIndex && typeof failed === 'string') {
    at('failedIndexes', `error parsing failedIndexes: ${failed}`);
  }
  if (completedChanged && completedText !== '' && spec['completionMode'] !== 'Indexed') {
    at('completedIndexes', 'cannot set non-empty completedIndexes when non-indexed completion mode');
  }
  if (failedChanged && !perIndex && failedText !== undefined) {
    at('failedIndexes', 'cannot set non-null failedIndexes when backoffLimitPerIndex is null');
  }
  if ((failedChanged || completedChanged) && typeof completed !== 'string' && typeof failed !== 'string') {
    const common = commonIndex(completed, failed);
    if (common !== undefined) at('failedIndexes', `failedIndexes and completedIndexes overlap at index: ${common}`);
  }
  return errors;
}

function podErrors(now: State, before: State, changed: Changed): StatusCause[] {
  const errors: StatusCause[] = [];
  const { status, finished } = now;
  const [terminating, ready, active] = ['terminating', 'ready', 'active'].map((key) => count(status, key));
  if ((finished !== before.finished || changed('terminating')) && finished && (terminating ?? 0) > 0) {
    errors.push(invalidValue('status.terminating', terminating, 'terminating>0 is invalid for finished job'));
  }
  if (changed('ready', 'active') && (ready ?? 0) > (active ?? 0)) {
    errors.push(invalidValue('status.ready', ready, 'cannot set more ready pods than active'));
  }
  return errors;
}

function successErrors({ spec, complete, failed, failureTarget, successCriteriaMet }: State): StatusCause[] {
  const errors: StatusCause[] = [];
  if (successCriteriaMet && failed) {
    errors.push(badConditions('cannot set SuccessCriteriaMet=True and Failed=true conditions'));
  }
  if (successCriteriaMet && failureTarget) {
    errors.push(badConditions('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'));
  }
  if (spec['successPolicy'] && !successCriteriaMet && complete) {
    errors.push(badConditions('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True'));
  }
  return errors;
}

function transitionErrors(now: State, before: State, changed: Changed): StatusCause[] {
  const errors: StatusCause[] = [];
  const { spec, status } = now;
  const ends = [
    ['Failed', before.failed && !now.failed],
    ['Complete', before.complete && !now.complete],
    ['FailureTarget', before.failureTarget && !now.failureTarget],
  ] as const;
  for (const [type, undone] of ends) {
    if (undone) errors.push(badConditions(`cannot disable the terminal ${type}=True condition`));
  }
  const isElastic = spec['completionMode'] === 'Indexed' && spec['completions'] === spec['parallelism'];
  for (const key of isElastic ? ['failed'] : ['failed', 'succeeded']) {
    if (count(status, key) >= count(before.status, key)) continue;
    errors.push(invalidValue(`status.${key}`, count(status, key), `cannot decrease the ${key} counter`));
  }
  const { completionTime, startTime } = status;
  if (completionTime !== undefined && before.status['completionTime'] !== undefined && changed('completionTime')) {
    errors.push(invalidValue('status.completionTime', completionTime, 'field is immutable'));
  }
  if (
    before.status['startTime'] !== undefined &&
    before.status['startTime'] !== startTime &&
    spec['suspend'] !== true
  ) {
    errors.push(requiredValue('status.startTime', 'startTime cannot be removed for unsuspended job'));
  }
  if (before.successCriteriaMet && !now.successCriteriaMet) {
    errors.push(badConditions('cannot disable the SuccessCriteriaMet=True condition'));
  }
  if (before.complete && !before.successCriteriaMet && now.successCriteriaMet) {
    const detail = 'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions';
    errors.push(badConditions(detail));
  }
  return errors;
}
