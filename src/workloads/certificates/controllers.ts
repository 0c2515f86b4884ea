import { type CertificateSigner, type Controller, createController, type PlatformContext } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import { certificateSigningRequests } from '../resources.ts';
import {
  CLIENT,
  conditionsOf,
  has,
  KUBELET_CLIENT,
  KUBELET_SERVING,
  pemOf,
  refusalOf,
  usagesOf,
  withCondition,
} from './requests.ts';

const SIGNERS = new Set([CLIENT, KUBELET_CLIENT, KUBELET_SERVING]);
/** How long certificates live unless less is asked for, in seconds (kube-controller-manager's --cluster-signing-duration). */
const LIFETIME = 365 * 24 * 60 * 60;

/** Signs the approved requests for the signers of the cluster itself; what it may not sign, it marks as failed. */
export function certificateSigningController(context: PlatformContext, signer: CertificateSigner): Controller {
  const { client, informers } = context;
  const informer = informers.for(certificateSigningRequests);

  async function reconcile(name: string): Promise<undefined> {
    const request = informer.get(name);
    const signerName = String(request?.spec?.['signerName']);
    if (!request || !SIGNERS.has(signerName) || request.status?.['certificate']) return;
    if (!has(request, 'Approved') || has(request, 'Denied') || has(request, 'Failed')) return;
    const usages = usagesOf(request);
    const refusal = refusalOf(signerName, await signer.read(pemOf(request)), usages);
    const next = refusal
      ? withCondition(request, 'Failed', 'SignerValidationFailure', refusal)
      : { ...request, status: { ...request.status, certificate: await signed(request, usages) } };
    await client.update(certificateSigningRequests, next, { subresource: 'status' });
  }

  async function signed(request: KubeObject, usages: readonly string[]): Promise<string> {
    const asked = Number(request.spec?.['expirationSeconds'] ?? LIFETIME);
    const pem = await signer.sign(pemOf(request), usages, Math.min(asked, LIFETIME));
    return Buffer.from(pem).toString('base64');
  }

  return createController({
    name: 'csrsigning-controller',
    context,
    sources: [{ resource: certificateSigningRequests }],
    reconcile,
  });
}

/** Approves the requests of nodes for certificates of their own, if RBAC lets whoever asks. */
export function certificateApprovingController(context: PlatformContext, signer: CertificateSigner): Controller {
  const { client, informers } = context;
  const informer = informers.for(certificateSigningRequests);

  async function reconcile(name: string): Promise<undefined> {
    const request = informer.get(name);
    if (!request || request.spec?.['signerName'] !== KUBELET_CLIENT || conditionsOf(request).length > 0) return;
    const wanted = await signer.read(pemOf(request));
    if (refusalOf(KUBELET_CLIENT, wanted, usagesOf(request))) return;
    const isOwn = request.spec['username'] === wanted.commonName;
    for (const subresource of [...(isOwn ? ['selfnodeclient'] : []), 'nodeclient']) {
      if (!(await mayAsk(request, subresource))) continue;
      const whose = subresource === 'selfnodeclient' ? 'self kubelet' : 'kubelet';
      const message = `Auto approving ${whose} client certificate after SubjectAccessReview.`;
      const approved = withCondition(request, 'Approved', 'AutoApproved', message);
      await client.update(certificateSigningRequests, approved, { subresource: 'approval' });
      return;
    }
  }

  async function mayAsk({ spec }: KubeObject, subresource: string): Promise<boolean> {
    const { username: user, uid, groups, extra } = spec ?? {};
    const resource = { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', version: '*' };
    const { status } = await client.post<{ status: { allowed: boolean } }>(
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, uid, groups, extra, resourceAttributes: { ...resource, verb: 'create', subresource } },
      },
    );
    return status.allowed;
  }

  return createController({
    name: 'csrapproving-controller',
    context,
    sources: [{ resource: certificateSigningRequests }],
    reconcile,
  });
}
