import {
  ApiError,
  apiVersionOf,
  builtinSchema,
  internalError,
  type KubeObject,
  type Schema,
} from '../../machinery/index.ts';
import type { Registration } from '../registry/registration.ts';
import { conform, normalize } from '../rest/conform.ts';
import { type Steps, wait } from '../rest/steps.ts';
import { decodeTyped } from '../rest/typed.ts';
import { Entry } from '../store/entry.ts';
import type { AdmissionRequest } from './request.ts';

export interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

/** The kind of a request's object when its resource is served as `registration`: that of the subresource if it has its own. */
export function kindOf(registration: Registration, subresource: string | undefined): GroupVersionKind {
  const { served } = registration;
  const { group, version, kind } = served;
  const own = served.subresources.find(({ name }) => name === subresource);
  if (own?.kind === undefined) return { group, version, kind };
  return { group: own.group ?? group, version: own.version ?? version, kind: own.kind };
}

const hasOwnKind = ({ registration, subresource }: AdmissionRequest): boolean =>
  registration.served.subresources.some(({ name, kind }) => name === subresource && kind !== undefined);

/** Objects as other versions of their resource have them, as far as a webhook has said it. */
const converted = new WeakMap<KubeObject, Map<Registration, KubeObject>>();

const isShownByWebhook = (target: Registration, request: AdmissionRequest): boolean =>
  target !== request.registration &&
  !hasOwnKind(request) &&
  (target.prepare !== undefined || request.registration.convertToStorage !== undefined);

/**
 * Gets a request's objects ready for `shownAs`, where a webhook converts between their version and that of `target`. What
 * is being completed may have been changed in place since it was last converted, and is converted again.
 * @throws ApiError 500 when it cannot be asked.
 */
export function* convertFor(target: Registration, request: AdmissionRequest): Steps<void> {
  if (!isShownByWebhook(target, request)) return;
  const { registration, object, old } = request;
  const missing = old === undefined || converted.get(old)?.has(target) ? [object] : [object, old];
  yield* wait(Promise.all(missing.map((each) => convert(each, registration, target))));
}

async function convert(object: KubeObject, from: Registration, target: Registration): Promise<void> {
  const stored = from.convertToStorage ? await from.convertToStorage(object) : from.toStorage(object);
  const entry = Entry.fromObject(stored, 0);
  await target.prepare?.([entry]);
  const shown = converted.get(object) ?? new Map<Registration, KubeObject>();
  converted.set(object, shown.set(target, target.view(entry).object));
}

/** An object of a request as another version of its resource shows it; the object itself where that is the same. */
export function shownAs(object: KubeObject, target: Registration, request: AdmissionRequest): KubeObject {
  if (target === request.registration || hasOwnKind(request)) return object;
  if (!isShownByWebhook(target, request)) {
    return target.view(Entry.fromObject(request.registration.toStorage(object), 0)).object;
  }
  const shown = converted.get(object)?.get(target);
  if (!shown) throw internalError(`${object.kind} of ${object.apiVersion} was not converted to ${target.apiVersion}`);
  return shown;
}

/** The schema of a request's object as `target` shows it. */
export function schemaOf(target: Registration, request: AdmissionRequest): Schema {
  if (!hasOwnKind(request)) return target.served.schema;
  const { group, version, kind } = kindOf(request.registration, request.subresource);
  return builtinSchema(apiVersionOf(group, version), kind) ?? {};
}

/** An object that was changed as `target` shows it, as the request's own version has it: decoded and completed. */
export function* takenBack(changed: KubeObject, target: Registration, request: AdmissionRequest): Steps<KubeObject> {
  const object = decoded(() =>
    hasOwnKind(request) ? decodeTyped(changed, schemaOf(target, request)).object : conform(target, changed).object,
  );
  if (hasOwnKind(request)) return object;
  normalize(target, object);
  const there = { ...request, object, old: undefined, registration: target };
  yield* convertFor(request.registration, there);
  return shownAs(object, request.registration, there);
}

/** What admission made of an object is not its client's fault. */
function decoded(decode: () => KubeObject): KubeObject {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ApiError) throw internalError(error.message.replace(/^.*? cannot be handled as a \S+ /, ''));
    throw error;
  }
}
