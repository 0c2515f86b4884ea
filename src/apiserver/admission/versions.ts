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

/** An object of a request as another version of its resource shows it; the object itself where that is the same. */
export function shownAs(object: KubeObject, target: Registration, request: AdmissionRequest): KubeObject {
  if (target === request.registration || hasOwnKind(request)) return object;
  if (target.prepare || request.registration.convertToStorage) throw internalError(cannotConvert(object, target));
  return target.view(Entry.fromObject(request.registration.toStorage(object), 0)).object;
}

/** Admission does not wait for conversion webhooks: what it cannot show it does not let pass. */
const cannotConvert = ({ apiVersion, kind }: KubeObject, target: Registration): string =>
  `admission is configured for ${kind} of ${target.apiVersion}, and objects of ${apiVersion} are converted by a webhook: ` +
  `name ${apiVersion} in the rules, or set matchPolicy to Exact`;

/** The schema of a request's object as `target` shows it. */
export function schemaOf(target: Registration, request: AdmissionRequest): Schema {
  if (!hasOwnKind(request)) return target.served.schema;
  const { group, version, kind } = kindOf(request.registration, request.subresource);
  return builtinSchema(apiVersionOf(group, version), kind) ?? {};
}

/** An object that was changed as `target` shows it, as the request's own version has it: decoded and completed. */
export function takenBack(changed: KubeObject, target: Registration, request: AdmissionRequest): KubeObject {
  const object = decoded(() =>
    hasOwnKind(request) ? decodeTyped(changed, schemaOf(target, request)).object : conform(target, changed).object,
  );
  if (hasOwnKind(request)) return object;
  normalize(target, object);
  return shownAs(object, request.registration, { ...request, registration: target });
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
