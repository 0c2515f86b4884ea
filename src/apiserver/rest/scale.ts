import {
  badRequest,
  cloneJson,
  conflict,
  type Fields,
  internalError,
  invalid,
  invalidValue,
  isFields,
  type KubeObject,
  labelSelectorOf,
} from '../../machinery/index.ts';
import type { Core } from '../core.ts';
import { scalePrinter } from '../printers/index.ts';
import type { Registration } from '../registry/registration.ts';
import { Entry } from '../store/entry.ts';
import { asObject, decodeObject, decodeValue } from './decode.ts';
import { patched } from './patch.ts';
import { get } from './read.ts';
import type { ApiRequest, Outcome } from './request.ts';
import { change } from './update.ts';
import { admissionRequest, beginWrite } from './write.ts';

interface Paths {
  replicas: readonly string[];
  statusReplicas: readonly string[];
  selector: readonly string[] | undefined;
}

const WORKLOAD: Paths = {
  replicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
};

const split = (path: string): string[] => path.replace(/^\./, '').split('.');

function pathsOf({ custom }: Registration): Paths {
  if (!custom?.scale) return WORKLOAD;
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = custom.scale;
  return {
    replicas: split(specReplicasPath),
    statusReplicas: split(statusReplicasPath),
    selector: labelSelectorPath ? split(labelSelectorPath) : undefined,
  };
}

function valueAt(object: unknown, path: readonly string[]): unknown {
  let value = object;
  for (const key of path) value = isFields(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}

/** The autoscaling/v1 Scale of an object. */
function scaleOf(object: KubeObject, registration: Registration): KubeObject {
  const paths = pathsOf(registration);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths.selector && valueAt(object, paths.selector);
  // That of a ReplicationController is a map of labels.
  const labels = registration.served.kind === 'ReplicationController';
  const text = isFields(selector)
    ? labelSelectorOf(labels ? { matchLabels: selector as Record<string, string> } : selector).toString()
    : (selector as string | undefined);
  const replicas = Number(valueAt(object, paths.replicas) ?? 0);
  return cloneJson({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: Number(valueAt(object, paths.statusReplicas) ?? 0), ...(text ? { selector: text } : {}) },
  } as KubeObject);
}

/** The object with the replicas that a Scale asks for. */
function scaled(object: KubeObject, scale: KubeObject, registration: Registration): KubeObject {
  const replicas = scale.spec?.['replicas'] ?? 0;
  const { name, uid, resourceVersion } = scale.metadata;
  if (!Number.isInteger(replicas) || (replicas as number) < 0) {
    const { custom } = registration;
    if (custom?.scale) {
      const error = invalidValue(custom.scale.specReplicasPath, replicas, 'should be a non-negative integer');
      throw invalid(registration.served, name, [error]);
    }
    const detail = 'must be greater than or equal to 0';
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, name, [invalidValue('spec.replicas', replicas, detail)]);
  }
  if (uid && uid !== object.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${object.metadata.uid}`;
    throw conflict(registration.served, name, why);
  }
  if (resourceVersion && resourceVersion !== object.metadata.resourceVersion) {
    const why = 'the object has been modified; please apply your changes to the latest version and try again';
    throw conflict(registration.served, name, why);
  }
  const copy = cloneJson(object);
  const path = [...pathsOf(registration).replicas];
  const last = path.pop() ?? 'replicas';
  let at: Fields = copy;
  for (const key of path) {
    if (!isFields(at[key])) at[key] = {};
    at = at[key] as Fields;
  }
  at[last] = replicas;
  return copy;
}

function asScale(outcome: Outcome, registration: Registration): Outcome {
  if (outcome.kind !== 'entry') return outcome;
  const { served, custom } = registration;
  if (custom?.scale && valueAt(outcome.entry.object, pathsOf(registration).replicas) === undefined) {
    throw internalError(`the spec replicas field ${JSON.stringify(custom.scale.specReplicasPath)} does not exist`);
  }
  const entry = Entry.fromObject(scaleOf(outcome.entry.object, registration), outcome.entry.revision);
  const printed = { ...registration, served: { ...served, printer: scalePrinter } };
  return { kind: 'entry', code: 200, registration: printed, entry };
}

/** GET, PUT and PATCH of an object's scale. */
export async function scale(core: Core, registration: Registration, request: ApiRequest): Promise<Outcome> {
  const { verb } = request.info;
  if (verb === 'get') return asScale(await get(core, registration, request), registration);
  const write = beginWrite(core, registration, request, verb === 'patch' ? 'PatchOptions' : 'UpdateOptions');
  const next = verb === 'patch' ? patchedScale(request, registration) : givenScale(request);
  const outcome = await change(write, 'scale', function* (old) {
    const before = scaleOf(old, registration);
    const question = { operation: 'UPDATE', subresource: 'scale', object: cloneJson(next(old)), old: before } as const;
    const review = admissionRequest(write, question);
    yield* core.admission.mutate(review);
    const released = !review.object.spec?.['replicas'];
    return { object: scaled(old, review.object, registration), review, released };
  });
  return asScale(outcome, registration);
}

function givenScale(request: ApiRequest): () => KubeObject {
  const given = decodeObject(request, { apiVersion: 'autoscaling/v1', kind: 'Scale' });
  if (given.kind !== 'Scale')
    throw badRequest(`the kind in the data (${given.kind}) does not match the expected kind (Scale)`);
  return () => given;
}

function patchedScale(request: ApiRequest, registration: Registration): (old: KubeObject) => KubeObject {
  const body = decodeValue(request);
  // A Scale has no lists: a strategic merge is a merge.
  const strategic = request.contentType === 'application/strategic-merge-patch+json';
  const contentType = strategic ? 'application/merge-patch+json' : request.contentType;
  if (contentType === 'application/apply-patch+yaml') return () => asObject(body);
  return (old) => patched(scaleOf(old, registration), body, contentType, undefined);
}
