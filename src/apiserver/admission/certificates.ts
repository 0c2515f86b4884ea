import { equalJson, forbidden } from '../../machinery/index.ts';
import type { Authorizer } from '../contracts.ts';
import { textAt } from '../kinds/fields.ts';
import type { AdmissionPlugin, AdmissionRequest } from './request.ts';

const GROUP = 'certificates.k8s.io';
const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';
const MASTERS = 'system:masters';

/** Who approves requests for a signer, and who signs them, must be allowed to; nobody asks for a certificate of the masters. */
export function certificatePlugins(authorizer: Authorizer): readonly AdmissionPlugin[] {
  return [
    {
      name: 'CertificateApproval',
      validate(request) {
        if (!isRequest(request, 'UPDATE', 'approval')) return;
        insist(authorizer, request, 'approve', textAt(request.object.spec, 'signerName'));
      },
    },
    {
      name: 'CertificateSigning',
      validate(request) {
        if (!isRequest(request, 'UPDATE', 'status')) return;
        const { status, spec } = request.old ?? request.object;
        const now = request.object.status;
        const same = (field: string) => equalJson(status?.[field] ?? null, now?.[field] ?? null);
        if (!same('certificate') || !same('conditions')) {
          insist(authorizer, request, 'sign', textAt(spec, 'signerName'));
        }
      },
    },
    {
      name: 'CertificateSubjectRestriction',
      validate(request) {
        if (!isRequest(request, 'CREATE', undefined)) return;
        const { spec } = request.object;
        if (textAt(spec, 'signerName') !== CLIENT_SIGNER) return;
        if (!organizationsIn(textAt(spec, 'request')).includes(MASTERS)) return;
        throw refusal(request, `use of ${CLIENT_SIGNER} signer with ${MASTERS} group is not allowed`);
      },
    },
  ];
}

function isRequest(
  { operation, registration, subresource }: AdmissionRequest,
  wanted: string,
  below?: string,
): boolean {
  const { group, resource } = registration.served;
  return operation === wanted && subresource === below && group === GROUP && resource === 'certificatesigningrequests';
}

function insist(authorizer: Authorizer, request: AdmissionRequest, verb: 'approve' | 'sign', signer: string): void {
  const domain = `${signer.split('/')[0]}/*`;
  if ([signer, domain].some((name) => authorizer.authorize(request.user, onSigner(verb, name)).allowed)) return;
  throw refusal(request, `user not permitted to ${verb} requests with signerName ${JSON.stringify(signer)}`);
}

function onSigner(verb: string, name: string): Parameters<Authorizer['authorize']>[1] {
  const nowhere = { path: '', subresource: '', namespace: '' };
  return { ...nowhere, verb, isResource: true, group: GROUP, version: '*', resource: 'signers', name };
}

function refusal({ registration, object }: AdmissionRequest, why: string) {
  return forbidden(registration.served, object.metadata.name, why);
}

/** The attribute type organizationName (2.5.4.10), in DER. */
const ORGANIZATION = Buffer.from('060355040a', 'hex');
const BMP_STRING = 0x1e;

/** Every organization that is named anywhere in a certificate request (base64 of PEM): what cannot be read names none. */
function organizationsIn(request: string): string[] {
  const pem = Buffer.from(request, 'base64').toString('latin1');
  const body = /-----BEGIN CERTIFICATE REQUEST-----([\s\S]*?)-----END/.exec(pem)?.[1] ?? '';
  const der = Buffer.from(body, 'base64');
  const found: string[] = [];
  for (let at = der.indexOf(ORGANIZATION); at >= 0; at = der.indexOf(ORGANIZATION, at + 1)) {
    const value = at + ORGANIZATION.length;
    const length = der[value + 1] ?? 0;
    const text = der.subarray(value + 2, value + 2 + length);
    // Two bytes a character, the larger one first.
    found.push(der[value] === BMP_STRING ? Buffer.from(text).swap16().toString('utf16le') : text.toString('utf8'));
  }
  return found;
}
