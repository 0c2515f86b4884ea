import {
  dnsSubdomainErrors,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import { invalidAll, isGiven } from '../checks.ts';
import { objectsAt, textAt } from '../fields.ts';
import { isExternalName, isHeadless, usesNodePorts } from './types.ts';

const hints = 'service.kubernetes.io/topology-aware-hints';
const mode = 'service.kubernetes.io/topology-mode';

/** The old and the new name of one annotation must say the same. */
export function topologyErrors({ metadata }: KubeObject): StatusCause[] {
  const { [hints]: old, [mode]: value } = metadata.annotations ?? {};
  if (old === undefined || value === undefined || old === value) return [];
  const detail = `must match annotations[${hints}] when both are specified`;
  return [invalidValue(`metadata.annotations[${mode}]`, value, detail)];
}

/** What the type of a service asks of its ports, and of being headless. */
export function typeErrors(spec: Fields): StatusCause[] {
  const [headless, ports] = [isHeadless(spec), objectsAt(spec, 'ports')];
  const errors: StatusCause[] = [];
  if (ports.length === 0 && !headless && !isExternalName(spec)) errors.push(requiredValue('spec.ports'));
  if (headless && usesNodePorts(spec)) {
    const detail = `may not be set to 'None' for ${textAt(spec, 'type')} services`;
    errors.push(invalidValue('spec.clusterIPs[0]', 'None', detail));
  }
  return errors;
}

/** What an ExternalName must and may not have. */
export function externalNameErrors(spec: Fields): StatusCause[] {
  const errors = ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy']
    .filter((key) => isGiven(spec[key]))
    .map((key) => forbiddenValue(`spec.${key}`, 'may not be set for ExternalName services'));
  const name = textAt(spec, 'externalName').replace(/\.$/, '');
  if (name === '') return [...errors, requiredValue('spec.externalName')];
  return [...errors, ...invalidAll('spec.externalName', name, dnsSubdomainErrors(name))];
}
