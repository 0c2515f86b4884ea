import { equalJson, type Fields } from '../../../machinery/index.ts';
import { isGiven } from '../checks.ts';
import { numberAt, objectsAt, textAt, textsAt } from '../fields.ts';
import { getsNodePorts, isExposed, isExternalName, isLoadBalancer, needsHealthCheck, usesNodePorts } from './types.ts';

/** What the server allocated stays with a service whose new version leaves it out, in place. */
export function keepAllocated(spec: Fields, old: Fields): void {
  if (!isExternalName(spec) && !isExternalName(old)) {
    if (textAt(spec, 'clusterIP') === '' && isGiven(old['clusterIP'])) spec['clusterIP'] = old['clusterIP'];
    if (textsAt(spec, 'clusterIPs').length === 0 && spec['clusterIP'] === old['clusterIP']) {
      copyList(spec, old, 'clusterIPs');
    }
  }
  if (getsNodePorts(spec) && getsNodePorts(old)) keepNodePorts(spec, old);
  if (needsHealthCheck(spec) && needsHealthCheck(old) && !spec['healthCheckNodePort']) {
    spec['healthCheckNodePort'] = old['healthCheckNodePort'];
  }
}

function copyList(spec: Fields, old: Fields, key: string): void {
  if (isGiven(old[key])) spec[key] = [...textsAt(old, key)];
}

const nodePortsOf = (spec: Fields): number[] =>
  objectsAt(spec, 'ports').flatMap((port) => numberAt(port, 'nodePort') || []);

/** Ports are known by their names: a node port stays with the name, unless another port asks for it. */
function keepNodePorts(spec: Fields, old: Fields): void {
  const given = new Set(nodePortsOf(spec));
  const before = new Map(
    objectsAt(old, 'ports').map((port) => [textAt(port, 'name'), numberAt(port, 'nodePort') ?? 0]),
  );
  for (const port of objectsAt(spec, 'ports')) {
    const nodePort = before.get(textAt(port, 'name')) ?? 0;
    if (port['nodePort'] || nodePort === 0 || given.has(nodePort)) continue;
    port['nodePort'] = nodePort;
  }
}

/** Makes clusterIPs follow clusterIP for clients that know only the one, in place. */
export function syncClusterIps(spec: Fields, old: Fields | undefined): void {
  const [address, before] = [textAt(spec, 'clusterIP'), textAt(old, 'clusterIP')];
  const same = equalJson(textsAt(spec, 'clusterIPs'), textsAt(old, 'clusterIPs'));
  if (!old) {
    if (address !== '' && !isGiven(spec['clusterIPs'])) spec['clusterIPs'] = [address];
  } else if (address !== before && same) {
    if (address === '') delete spec['clusterIPs'];
    else spec['clusterIPs'] = [address];
  } else if (address === before && !isGiven(spec['clusterIPs'])) copyList(spec, old, 'clusterIPs');
}

/**
 * What only the old type may have goes with it, in place: what the server may have put there itself, and the client did
 * not change. Anything else is for validation to refuse.
 */
export function dropOutgrown(spec: Fields, old: Fields): void {
  const drop = (...keys: string[]): void => {
    for (const key of keys) delete spec[key];
  };
  const same = (key: string): boolean => equalJson(spec[key], old[key]);
  const outgrown = (needs: (of: Fields) => boolean): boolean => needs(old) && !needs(spec);
  if (outgrown((of) => !isExternalName(of))) {
    if (same('clusterIP') && same('clusterIPs')) drop('clusterIP', 'clusterIPs');
    if (same('ipFamilies')) drop('ipFamilies');
    if (same('ipFamilyPolicy')) drop('ipFamilyPolicy');
  }
  if (outgrown(usesNodePorts)) dropNodePorts(spec, old);
  if (outgrown(needsHealthCheck) && same('healthCheckNodePort')) drop('healthCheckNodePort');
  if (outgrown(isLoadBalancer)) {
    for (const key of ['allocateLoadBalancerNodePorts', 'loadBalancerClass']) if (same(key)) drop(key);
  }
  if (outgrown(isExposed) && same('externalTrafficPolicy')) drop('externalTrafficPolicy');
}

function dropNodePorts(spec: Fields, old: Fields): void {
  const before = new Set(nodePortsOf(old));
  if (!nodePortsOf(spec).every((port) => before.has(port))) return;
  for (const port of objectsAt(spec, 'ports')) delete port['nodePort'];
}
