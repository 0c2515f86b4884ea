import type { KubeObject } from '../machinery/index.ts';
import { eventsAbout } from './events.ts';
import { change, type Examine, type Fault, type Findings, rank } from './fault.ts';
import { healthOf } from './health.ts';
import { conditionOf, oneLine, pathSteps, textAt } from './status.ts';
import type { Fixer } from './types.ts';

/** What is wrong with a controller of pods itself: its pods cannot be created, or take too long. */
export const examineWorkload: Examine = async (object) => {
  const faults: Fault[] = [];
  const failure = conditionOf(object, 'ReplicaFailure');
  if (failure?.status === 'True') faults.push(creationFault(object, failure.message ?? '', failure.lastTransitionTime));
  const progressing = conditionOf(object, 'Progressing');
  if (progressing?.status === 'False') {
    const late = progressing.reason === 'ProgressDeadlineExceeded';
    const { message = '', lastTransitionTime } = progressing;
    const problem = `${object.kind.toLowerCase()} ${object.metadata.name} is not ready in time`;
    faults.push(
      late ? symptom(object, problem, lastTransitionTime) : creationFault(object, message, lastTransitionTime),
    );
  }
  const failed = conditionOf(object, 'Failed');
  if (object.kind === 'Job' && failed?.status === 'True') {
    faults.push(
      symptom(object, `the job failed: ${oneLine(failed.message ?? failed.reason ?? '')}`, failed.lastTransitionTime),
    );
  }
  return { faults, waiting: waitingOf(object) };
};

function symptom(at: KubeObject, problem: string, since: string | undefined): Fault {
  return { at, rank: rank.symptom, problem, fixer: 'developer', since };
}

/** What an object waits for in the words of its health; undefined when it is healthy or at fault. */
function waitingOf(object: KubeObject): string | undefined {
  const health = healthOf(object);
  return health.status === 'Progressing' || health.status === 'Suspended' ? health.message : undefined;
}

/** Why the API server does not take the pods of a workload, from the message of the refusal. */
export function creationFault(at: KubeObject, message: string, since: string | undefined): Fault {
  const text = oneLine(message);
  const base = { at, rank: rank.root, since };
  const quota = /exceeded quota: ([^,\s]+)(.*)/.exec(text);
  if (quota) {
    const detail = (quota[2] ?? '').replace(/^,\s*/, '');
    return {
      ...base,
      problem: `quota ${quota[1]} of the namespace allows no more${detail ? ` (${detail})` : ''}`,
      fixer: 'platform',
    };
  }
  const account = /serviceaccount "([^"]+)" not found/i.exec(text)?.[1];
  if (account !== undefined) {
    const remedy = (field: string | undefined) => (field ? `create it or change ${field}` : 'create it');
    const path = ['spec', 'template', 'spec', 'serviceAccountName'];
    const problem = `service account ${account} does not exist`;
    return { ...base, problem, remedy, path, fixer: 'developer' };
  }
  const invalid = /is invalid: \[?([A-Za-z][\w.[\]-]*): (.*)$/.exec(text);
  if (invalid) {
    const [field = '', wrong = ''] = invalid.slice(1);
    const steps = pathSteps(field);
    const path = ['spec', 'template', ...steps];
    const problem = `the pods are refused: ${field}: ${wrong.replace(/\]$/, '')}`;
    return { ...base, problem, remedy: change(), path, fixer: 'developer' };
  }
  const fixer: Fixer = /forbidden|limit|quota|maximum|minimum|PodSecurity/i.test(text) ? 'platform' : 'developer';
  return { ...base, problem: `pods cannot be created: ${text}`, fixer };
}

/** A claim that finds no volume. */
export const examineClaim: Examine = async (claim, source): Promise<Findings> => {
  if (textAt(claim.status, ['phase']) === 'Bound') return { faults: [] };
  const [event] = await eventsAbout(claim, source, ['ProvisioningFailed', 'FailedBinding']);
  if (event === undefined) return { faults: [], waiting: `waiting for claim ${claim.metadata.name} to get a volume` };
  const base = { at: claim, rank: rank.root, since: event.since };
  const storageClass = /storageclass(?:\.storage\.k8s\.io)? "([^"]+)" not found/i.exec(event.message)?.[1];
  if (storageClass !== undefined) {
    const problem = `storage class ${storageClass} does not exist`;
    return { faults: [{ ...base, problem, remedy: change(), path: ['spec', 'storageClassName'], fixer: 'developer' }] };
  }
  const problem = `claim ${claim.metadata.name} gets no volume: ${oneLine(event.message)}`;
  return { faults: [{ ...base, problem, fixer: 'platform' }] };
};
