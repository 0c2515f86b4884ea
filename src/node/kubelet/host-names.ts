import { clusterDomain } from '../dns/kubernetes.ts';
import type { Pod } from '../pod.ts';
import { hostnameOf } from './start-container.ts';

/** The kernel takes no longer one. */
const longestHostname = 64;

/**
 * The names that a pod gives itself: with a `subdomain` it has a domain, too, which is that of the headless Service of
 * that name; with `setHostnameAsFQDN` the whole is its host name.
 * @throws Error when the whole is too long for a host name, worded as the kubelet does.
 */
export function hostNamesOf(pod: Pod): { hostname: string; fqdn: string | undefined } {
  const hostname = hostnameOf(pod);
  const { subdomain, setHostnameAsFQDN } = pod.spec ?? {};
  const fqdn = subdomain ? [hostname, subdomain, pod.metadata.namespace, 'svc', clusterDomain].join('.') : undefined;
  if (!setHostnameAsFQDN || fqdn === undefined) return { hostname, fqdn };
  if (fqdn.length > longestHostname)
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (${longestHostname} characters is the max, ${fqdn.length} characters requested)`,
    );
  return { hostname: fqdn, fqdn };
}
