import { randomUUID } from 'node:crypto';
import { type Fields, isFields, type Status } from '../../../machinery/index.ts';
import { mapAt, objectAt, textAt, textsAt } from '../../kinds/fields.ts';
import type { Registration } from '../../registry/registration.ts';
import type { AdmissionRequest } from '../request.ts';
import { kindOf, shownAs } from '../versions.ts';

const GROUP = 'admission.k8s.io';

interface Review {
  kind: string;
  apiVersion: string;
  request: Fields & { uid: string };
}

/** The admission.k8s.io AdmissionReview that asks a webhook about a request, in terms of the resource that its rules name. */
export function reviewFor(request: AdmissionRequest, target: Registration, version: string): Review {
  const { operation, object, old } = request;
  return {
    kind: 'AdmissionReview',
    apiVersion: `${GROUP}/${version}`,
    request: {
      uid: randomUUID(),
      ...descriptionOf(request, target),
      object: operation === 'DELETE' ? null : shownAs(object, target, request),
      oldObject: old === undefined ? null : shownAs(old, target, request),
    },
  };
}

/** Everything that an AdmissionReview says about a request but its objects: what expressions read as `request`, too. */
export function descriptionOf(request: AdmissionRequest, target: Registration): Fields {
  const { registration, subresource, operation, user, options, dryRun } = request;
  const namespace = namespaceOf(request);
  const sub = subresource === undefined ? {} : { subResource: subresource, requestSubResource: subresource };
  return {
    kind: kindOf(target, subresource),
    resource: resourceOf(target),
    requestKind: kindOf(registration, subresource),
    requestResource: resourceOf(registration),
    ...sub,
    ...(request.name === '' ? {} : { name: request.name }),
    ...(namespace === '' ? {} : { namespace }),
    operation,
    userInfo: {
      username: user.username,
      ...(user.uid ? { uid: user.uid } : {}),
      groups: user.groups,
      ...(user.extra && Object.keys(user.extra).length > 0 ? { extra: user.extra } : {}),
    },
    dryRun,
    options: options ?? null,
  };
}

/** The namespace of a namespace is itself. */
function namespaceOf({ registration, namespace, name }: AdmissionRequest): string {
  const { group, resource } = registration.served;
  return group === '' && resource === 'namespaces' ? name : namespace;
}

const resourceOf = ({ served: { group, version, resource } }: Registration) => ({ group, version, resource });

/** What a webhook answered. */
export interface Answer {
  allowed: boolean;
  status: Partial<Status> | undefined;
  warnings: readonly string[];
  auditAnnotations: Readonly<Record<string, string>>;
  /** The operations of a JSON patch in base64; '' for none. */
  patch: string;
  patchType: string;
}

/**
 * Reads the AdmissionReview that came back.
 * @throws Error that says what is wrong with it, as kube-apiserver's VerifyAdmissionResponse does.
 */
export function answerOf(review: unknown, uid: string, version: string, mutating: boolean): Answer {
  const given = isFields(review) ? review : {};
  const response = objectAt(given, 'response');
  if (!response) throw new Error('webhook response was absent');
  // Webhooks of v1beta1 were never held to this.
  if (version === 'v1') checkResponse(given, response, uid, mutating);
  const patch = mutating ? textAt(response, 'patch') : '';
  return {
    allowed: response['allowed'] === true,
    status: objectAt(response, 'status') as Partial<Status> | undefined,
    warnings: textsAt(response, 'warnings'),
    auditAnnotations: mapAt(response, 'auditAnnotations'),
    patch,
    patchType: version === 'v1' ? textAt(response, 'patchType') : 'JSONPatch',
  };
}

function checkResponse(review: Fields, response: Fields, uid: string, mutating: boolean): void {
  const quoted = (text: unknown): string => JSON.stringify(text ?? '');
  if (response['uid'] !== uid) throw new Error(`expected response.uid=${quoted(uid)}, got ${quoted(response['uid'])}`);
  const [group, version] = splitApiVersion(textAt(review, 'apiVersion'));
  const kind = textAt(review, 'kind');
  if (group !== GROUP || version !== 'v1' || kind !== 'AdmissionReview') {
    const got = `${group}/${version}, Kind=${kind}`;
    throw new Error(`expected webhook response of ${GROUP}/v1, Kind=AdmissionReview, got ${got}`);
  }
  const patch = textAt(response, 'patch') !== '';
  const type = response['patchType'];
  if (!mutating) {
    if (patch) throw new Error('validating webhook may not return response.patch');
    if (type !== undefined) throw new Error('validating webhook may not return response.patchType');
    return;
  }
  if (patch && type === undefined) throw new Error('webhook returned response.patch but not response.patchType');
  if (!patch && type !== undefined) throw new Error('webhook returned response.patchType but not response.patch');
  if (type === '') throw new Error('webhook returned invalid response.patchType of ""');
}

function splitApiVersion(apiVersion: string): [group: string, version: string] {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}
