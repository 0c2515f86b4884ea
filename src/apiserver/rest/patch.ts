import {
  ApiError,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicPatch,
  badRequest,
  canonicalJson,
  invalid,
  invalidValue,
  type KubeObject,
} from '../../machinery/index.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import { apply } from './apply.ts';
import { asObject, decodeBody, unsupportedMediaType } from './decode.ts';
import { admitFields, typeOf, type UpdateScope } from './journey.ts';
import type { ApiRequest, Outcome } from './request.ts';
import { change, checkVersion, narrowed } from './update.ts';
import { beginWrite, type Write } from './write.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
const APPLY_PATCH = 'application/apply-patch+yaml';

/** Applies a patch that is no apply to any object, by its media type. Throws ApiError 415 for another. */
export function patched(
  object: KubeObject,
  patch: unknown,
  contentType: string,
  schema: Registration['served']['schema'] | undefined,
): KubeObject {
  if (contentType === JSON_PATCH) return applyJsonPatch(object, patch);
  if (contentType === MERGE_PATCH) return applyMergePatch(object, patch);
  if (contentType === STRATEGIC_PATCH && schema) return applyStrategicPatch(object, patch, schema);
  const strategic = schema ? [STRATEGIC_PATCH] : [];
  throw unsupportedMediaType([JSON_PATCH, MERGE_PATCH, ...strategic, APPLY_PATCH]);
}

/** PATCH of an object or its status. The patch meets the newest state, so it never conflicts unless it asks to. */
export async function patch(
  core: Core,
  registration: Registration,
  request: ApiRequest,
  scope: UpdateScope,
): Promise<Outcome> {
  const write = beginWrite(core, registration, request, 'PatchOptions');
  const { value: body, duplicates } = decodeBody(request);
  if (request.contentType === APPLY_PATCH) return apply(write, body, duplicates, scope);
  const schema = registration.custom ? undefined : registration.served.schema;
  return change(write, scope, (old) => {
    // A patch may take away even what the object is; for built-in kinds the endpoint says that.
    const result = asObject(patched(old, body, request.contentType, schema), typeOf(registration));
    const object = admitPatched(write, result, duplicates);
    if (object.metadata.resourceVersion === undefined)
      object.metadata.resourceVersion = old.metadata.resourceVersion ?? '';
    checkVersion(write, object, old);
    if (object.metadata.name !== old.metadata.name) {
      throw badRequest(
        `the name of the object (${object.metadata.name}) does not match the name on the URL (${old.metadata.name})`,
      );
    }
    return narrowed(object, old, scope, registration);
  });
}

/** What a patch makes of an object must still be one of its kind: if not, it is the patch that is invalid. */
function admitPatched(write: Write, object: KubeObject, duplicates: readonly string[]): KubeObject {
  try {
    return admitFields(write, object, duplicates);
  } catch (error) {
    const [, why] = (error instanceof ApiError && /cannot be handled as a \w+: (json: .*)$/s.exec(error.message)) || [];
    if (why === undefined) throw error;
    throw invalid({ kind: '', group: '' }, '', [invalidValue('patch', canonicalJson(object), why)]);
  }
}
