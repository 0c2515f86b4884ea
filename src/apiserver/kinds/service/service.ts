import type { Fields, KubeObject, StatusCause } from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { ensureObject, numberAt, objectAt, objectsAt, setDefault, textAt } from '../fields.ts';
import { entryPointWarnings } from '../networking/entry-points.ts';
import { clusterIpChangeErrors, familyChangeErrors } from './address-changes.ts';
import { addressesErrors, externalIpErrors } from './addresses.ts';
import { dropOutgrown, keepAllocated, syncClusterIps } from './changes.ts';
import { loadBalancerClassErrors, loadBalancerErrors, loadBalancerStatusErrors } from './load-balancer.ts';
import { nodePortErrors, portsErrors } from './ports.ts';
import { affinityErrors, trafficErrors } from './traffic.ts';
import { isExposed, isExternalName, serviceTypeErrors } from './types.ts';
import { externalNameErrors, topologyErrors, typeErrors } from './validation.ts';
import { serviceWarnings } from './warnings.ts';

const affinitySeconds = 10_800;

/**
 * Services. Families, addresses and node ports are worked out and allocated by the server after prepareForCreate and
 * prepareForUpdate, before anything is validated.
 */
export const serviceStrategy: KindStrategy = {
  createsOnUpdate: true,
  applyDefaults(service) {
    const spec = ensureObject(service, 'spec');
    setDefault(spec, 'sessionAffinity', 'None');
    setDefault(spec, 'type', 'ClusterIP');
    defaultAffinity(spec);
    for (const port of objectsAt(spec, 'ports')) {
      setDefault(port, 'protocol', 'TCP');
      if (!port['targetPort']) port['targetPort'] = port['port'];
    }
    if (isExposed(spec)) setDefault(spec, 'externalTrafficPolicy', 'Cluster');
    if (!isExternalName(spec)) spec['internalTrafficPolicy'] ??= 'Cluster';
    if (textAt(spec, 'type') === 'LoadBalancer') {
      spec['allocateLoadBalancerNodePorts'] ??= true;
      defaultIpModes(service);
    }
  },
  prepareForCreate(service) {
    const spec = ensureObject(service, 'spec');
    service.status = { loadBalancer: {} };
    dropInternalPolicy(spec);
    syncClusterIps(spec, undefined);
  },
  prepareForUpdate(service, old) {
    const [spec, before] = [ensureObject(service, 'spec'), old.spec ?? {}];
    keepAllocated(spec, before);
    syncClusterIps(spec, before);
    dropOutgrown(spec, before);
    dropInternalPolicy(spec);
    if (textAt(spec, 'type') !== 'LoadBalancer') service.status = { ...service.status, loadBalancer: {} };
  },
  validate(service, old) {
    const spec = service.spec ?? {};
    const before = old?.spec;
    const changes = before
      ? [
          ...clusterIpChangeErrors(spec, before),
          ...familyChangeErrors(spec, before),
          ...loadBalancerClassErrors(spec, before),
        ]
      : [];
    return [...changes, ...serviceErrors(service, spec, before)];
  },
  warnings: serviceWarnings,
  subresources: {
    status: {
      validate: loadBalancerStatusErrors,
      warnings: entryPointWarnings,
    },
  },
};

function defaultAffinity(spec: Fields): void {
  if (spec['sessionAffinity'] === 'None') delete spec['sessionAffinityConfig'];
  if (spec['sessionAffinity'] !== 'ClientIP') return;
  const given = objectAt(objectAt(spec, 'sessionAffinityConfig'), 'clientIP');
  if (numberAt(given, 'timeoutSeconds') === undefined) {
    spec['sessionAffinityConfig'] = { clientIP: { timeoutSeconds: affinitySeconds } };
  }
}

function defaultIpModes({ status }: KubeObject): void {
  for (const ingress of objectsAt(objectAt(status, 'loadBalancer'), 'ingress')) {
    if (textAt(ingress, 'ip') !== '') ingress['ipMode'] ??= 'VIP';
  }
}

/** An ExternalName has no traffic inside the cluster; a policy for it is checked and then forgotten. */
function dropInternalPolicy(spec: Fields): void {
  const policy = textAt(spec, 'internalTrafficPolicy');
  if (isExternalName(spec) && (policy === 'Cluster' || policy === 'Local')) delete spec['internalTrafficPolicy'];
}

function serviceErrors(service: KubeObject, spec: Fields, old: Fields | undefined): StatusCause[] {
  return [
    ...topologyErrors(service),
    ...typeErrors(spec),
    ...(isExternalName(spec) ? externalNameErrors(spec) : []),
    ...portsErrors(spec),
    ...affinityErrors(spec),
    ...addressesErrors(spec, old),
    ...externalIpErrors(spec, old),
    ...serviceTypeErrors(spec),
    ...nodePortErrors(spec),
    ...loadBalancerErrors(service, spec),
    ...trafficErrors(spec),
  ];
}
