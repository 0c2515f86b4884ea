import type { KubeObject } from '../../../machinery/index.ts';
import { isGiven } from '../checks.ts';
import { textAt, textsAt } from '../fields.ts';
import { addressWarnings, cidrWarnings } from '../networking/ip-warnings.ts';
import { isExternalName } from './types.ts';

const hints = 'service.kubernetes.io/topology-aware-hints';
const ignoredIfHeadless = ['loadBalancerIP', 'externalIPs'];

/** What a client should know about a service that is right. */
export function serviceWarnings({ metadata, spec = {} }: KubeObject): string[] {
  const warnings: string[] = [];
  if (metadata.annotations?.[hints] !== undefined) {
    warnings.push(`annotation ${hints} is deprecated, please use service.kubernetes.io/topology-mode instead`);
  }
  const headless = textAt(spec, 'clusterIP') === 'None';
  if (!headless && !isExternalName(spec)) warnings.push(...listed(textsAt(spec, 'clusterIPs'), 'spec.clusterIPs'));
  if (headless && textAt(spec, 'type') === 'ClusterIP') {
    for (const key of ignoredIfHeadless) {
      if (isGiven(spec[key])) warnings.push(`spec.${key} is ignored for headless services`);
    }
    // Upstream warns of the affinity None, too.
    warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  warnings.push(...listed(textsAt(spec, 'externalIPs'), 'spec.externalIPs'));
  const balancer = textAt(spec, 'loadBalancerIP');
  if (balancer !== '') warnings.push(...addressWarnings(balancer, 'spec.loadBalancerIP'));
  textsAt(spec, 'loadBalancerSourceRanges').forEach((range, index) => {
    warnings.push(...cidrWarnings(range.trim(), `spec.loadBalancerSourceRanges[${index}]`));
  });
  if (isExternalName(spec) && isGiven(spec['externalIPs'])) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  }
  if (!isExternalName(spec) && isGiven(spec['externalName'])) {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  return warnings;
}

const listed = (addresses: readonly string[], path: string): string[] =>
  addresses.flatMap((address, index) => addressWarnings(address, `${path}[${index}]`));
