import type { RequestedCertificate } from '../../client/index.ts';
import { isFields, type KubeObject, timestamp } from '../../machinery/index.ts';

export const CLIENT = 'kubernetes.io/kube-apiserver-client';
export const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
export const KUBELET_SERVING = 'kubernetes.io/kubelet-serving';

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastUpdateTime?: string;
}

export function conditionsOf(request: KubeObject): Condition[] {
  const conditions = request.status?.['conditions'];
  return Array.isArray(conditions) ? conditions.filter((each): each is Condition => isFields(each)) : [];
}

export function has(request: KubeObject, type: string): boolean {
  return conditionsOf(request).some((condition) => condition.type === type);
}

/** The request with one condition more. */
export function withCondition(request: KubeObject, type: string, reason: string, message: string): KubeObject {
  const condition = { type, status: 'True', reason, message, lastUpdateTime: timestamp() };
  return { ...request, status: { ...request.status, conditions: [...conditionsOf(request), condition] } };
}

/** The PKCS #10 request in PEM. */
export function pemOf(request: KubeObject): string {
  return Buffer.from(String(request.spec?.['request'] ?? ''), 'base64').toString('latin1');
}

export function usagesOf(request: KubeObject): string[] {
  const usages = request.spec?.['usages'];
  return Array.isArray(usages) ? usages.map(String) : [];
}

/** Why a signer may not sign a request, in upstream's words; undefined if it may. */
export function refusalOf(signer: string, wanted: RequestedCertificate, usages: readonly string[]): string | undefined {
  if (signer === CLIENT) {
    // Admission has looked for them as well; a certificate of the masters could not be taken back.
    const masters = wanted.organizations.includes('system:masters');
    return masters ? `use of ${CLIENT} signer with system:masters group is not allowed` : clientRefusal(usages);
  }
  if (wanted.organizations.length !== 1 || wanted.organizations[0] !== 'system:nodes') {
    return 'subject organization is not system:nodes';
  }
  const names = signer === KUBELET_SERVING ? servingNames(wanted) : clientNames(wanted);
  if (names) return names;
  const auth = signer === KUBELET_SERVING ? 'server auth' : 'client auth';
  const required = signer === KUBELET_SERVING ? [...NODE_USAGES, auth] : [auth, ...NODE_USAGES];
  const given = new Set(usages);
  const allowed = [required, required.filter((usage) => usage !== 'key encipherment')];
  if (!allowed.some((set) => set.length === given.size && set.every((usage) => given.has(usage)))) {
    return `usages did not match [${required.join(' ')}]`;
  }
  return wanted.commonName.startsWith('system:node:')
    ? undefined
    : 'subject common name does not begin with system:node:';
}

const NODE_USAGES = ['digital signature', 'key encipherment'];

function clientRefusal(usages: readonly string[]): string | undefined {
  const other = usages.find((usage) => usage !== 'client auth' && !NODE_USAGES.includes(usage));
  if (other !== undefined) return `invalid usage for client certificate: ${other}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
}

function servingNames({ dnsNames, ipAddresses, emailAddresses, uris }: RequestedCertificate): string | undefined {
  if (dnsNames.length + ipAddresses.length === 0) return 'DNS or IP subjectAltName is required';
  if (emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  return uris.length > 0 ? 'URI subjectAltNames are not allowed' : undefined;
}

function clientNames({ dnsNames, ipAddresses, emailAddresses, uris }: RequestedCertificate): string | undefined {
  const given = { DNS: dnsNames, Email: emailAddresses, IP: ipAddresses, URI: uris };
  const kind = Object.entries(given).find(([, names]) => names.length > 0)?.[0];
  return kind && `${kind} subjectAltNames are not allowed`;
}
