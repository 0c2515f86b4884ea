import {
  badRequest,
  conflict,
  invalid,
  invalidValue,
  type KubeObject,
  notFound,
  objectKey,
  timestamp,
} from '../../machinery/index.ts';
import type { ObjectReader } from '../contracts.ts';
import { fieldsOf, stringsOf } from './fields.ts';
import type { BoundObject, IssueRequest, ServiceAccountTokens } from './service-account-tokens.ts';

const KIND = { group: 'authentication.k8s.io', kind: 'TokenRequest' };
const CONFLICTING = { group: KIND.group, resource: KIND.kind };
const DEFAULT_EXPIRATION = 3600;
const MIN_EXPIRATION = 600;
const MAX_EXPIRATION = 2 ** 32;

/**
 * Answers a create of serviceaccounts/token: a signed token, bound to a pod, secret or node if that is asked for.
 * Throws ApiError 404 without the service account or bound object, 409 for another uid, 422 for a bad expiry.
 */
export async function requestToken(
  { reader, tokens, warn }: { reader: ObjectReader; tokens: ServiceAccountTokens; warn: (text: string) => void },
  request: KubeObject,
  namespace: string,
  name: string,
): Promise<KubeObject> {
  checkMetadata(request, namespace, name);
  const account = lookUp(reader, 'serviceaccounts', name, namespace);
  const { uid: wantedUid } = request.metadata;
  const uid = account.metadata.uid ?? '';
  if (wantedUid && wantedUid !== uid) {
    throw conflict(
      CONFLICTING,
      name,
      `the UID in the token request (${wantedUid}) does not match the UID of the service account (${uid})`,
    );
  }

  const spec = fieldsOf(request.spec);
  const wanted = checkExpiration(spec['expirationSeconds'] ?? DEFAULT_EXPIRATION);
  const expirationSeconds = Math.min(wanted, tokens.maxExpirationSeconds);
  if (expirationSeconds < wanted) {
    warn(`requested expiration of ${wanted} seconds shortened to ${expirationSeconds} seconds`);
  }
  const given = stringsOf(spec['audiences']);
  const audiences = given.length > 0 ? given : [...tokens.audiences];
  const issuedAt = Math.floor(Date.now() / 1000);
  const token = await tokens.issue({
    namespace,
    serviceAccount: { name, uid },
    audiences,
    issuedAt,
    expirationSeconds,
    ...bound(reader, spec['boundObjectRef'], namespace, name),
  });
  return {
    ...request,
    metadata: { ...request.metadata, name, namespace, uid, creationTimestamp: timestamp(issuedAt * 1000) },
    spec: { boundObjectRef: null, ...spec, audiences, expirationSeconds },
    status: { token, expirationTimestamp: timestamp((issuedAt + expirationSeconds) * 1000) },
  };
}

function checkMetadata(request: KubeObject, namespace: string, name: string): void {
  const fail = (field: string, value: string, message: string) =>
    invalid(KIND, name, [invalidValue(field, value, message)]);
  // Optional on the wire, unlike in objects that are stored.
  const given: Partial<KubeObject['metadata']> = request.metadata;
  if (given.name && given.name !== name) {
    throw fail('metadata.name', given.name, 'must match the service account name if specified');
  }
  if (given.namespace && given.namespace !== namespace) {
    throw fail('metadata.namespace', given.namespace, 'must match the service account namespace if specified');
  }
}

function checkExpiration(seconds: unknown): number {
  const fail = (message: string) => invalid(KIND, '', [invalidValue('spec.expirationSeconds', seconds, message)]);
  if (typeof seconds !== 'number' || !Number.isInteger(seconds)) throw fail('must be a whole number of seconds');
  if (seconds < MIN_EXPIRATION) throw fail('may not specify a duration less than 10 minutes');
  if (seconds > MAX_EXPIRATION) throw fail('may not specify a duration larger than 2^32 seconds');
  return seconds;
}

/** What the token is bound to, checked to exist and to be the one that was meant. */
function bound(
  reader: ObjectReader,
  reference: unknown,
  namespace: string,
  account: string,
): Pick<IssueRequest, 'pod' | 'secret' | 'node'> {
  if (typeof reference !== 'object' || reference === null) return {};
  const { apiVersion = '', kind = '', name = '', uid = '' } = fieldsOf(reference);
  const meant = String(name);
  const check = (object: KubeObject): BoundObject => {
    const actual = object.metadata.uid ?? '';
    if (uid && uid !== actual) {
      throw conflict(
        { group: '', resource: String(kind) },
        meant,
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    }
    return { name: meant, uid: actual };
  };
  const [version = '', group = ''] = String(apiVersion).split('/').reverse();
  switch (group === '' ? kind : '') {
    case 'Pod': {
      const pod = lookUp(reader, 'pods', meant, namespace);
      if ((pod.spec?.['serviceAccountName'] ?? '') !== account) {
        throw badRequest(
          `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
        );
      }
      return { pod: check(pod), ...nodeOf(reader, pod) };
    }
    case 'Secret':
      return { secret: check(lookUp(reader, 'secrets', meant, namespace)) };
    case 'Node':
      return { node: check(lookUp(reader, 'nodes', meant)) };
    default:
      throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  }
}

function nodeOf(reader: ObjectReader, pod: KubeObject): { node?: BoundObject } {
  const name = pod.spec?.['nodeName'];
  if (typeof name !== 'string' || name === '') return {};
  const node = reader.get({ group: '', resource: 'nodes' }, name);
  return { node: { name, uid: node?.metadata.uid ?? '' } };
}

function lookUp(reader: ObjectReader, resource: string, name: string, namespace?: string): KubeObject {
  const of = { group: '', resource };
  const object = reader.get(of, objectKey(name, namespace));
  if (object === undefined) throw notFound(of, name);
  return object;
}
