import {
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  portNumberErrors,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll, portErrors, selectorErrors } from '../checks.ts';
import { ensureObject, numberAt, objectAt, objectsAt, setDefault, textAt, textsAt } from '../fields.ts';
import { cidrContains, legacyCidrErrors, parseCidr } from './ip-values.ts';

const protocols = ['TCP', 'UDP', 'SCTP'];
const policyTypes = ['Ingress', 'Egress'];

/** The two directions of a policy: the list of its rules, and that of their peers. */
const directions = [
  ['ingress', 'from'],
  ['egress', 'to'],
] as const;

export const networkPolicyStrategy: KindStrategy = {
  applyDefaults(policy) {
    const spec = ensureObject(policy, 'spec');
    for (const [rules] of directions) {
      for (const rule of objectsAt(spec, rules)) {
        for (const port of objectsAt(rule, 'ports')) setDefault(port, 'protocol', 'TCP');
      }
    }
    if (textsAt(spec, 'policyTypes').length > 0) return;
    spec['policyTypes'] = objectsAt(spec, 'egress').length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  },
  validate(policy, old) {
    const spec = policy.spec ?? {};
    const known = old ? cidrsOf(old) : [];
    const errors = selectorErrors(objectAt(spec, 'podSelector') ?? {}, 'spec.podSelector');
    for (const [rules, peers] of directions) {
      objectsAt(spec, rules).forEach((rule, index) => {
        const path = `spec.${rules}[${index}]`;
        objectsAt(rule, 'ports').forEach((port, i) => {
          errors.push(...policyPortErrors(port, `${path}.ports[${i}]`));
        });
        objectsAt(rule, peers).forEach((peer, i) => {
          errors.push(...peerErrors(peer, `${path}.${peers}[${i}]`, known));
        });
      });
    }
    errors.push(...policyTypeErrors(textsAt(spec, 'policyTypes'), 'spec.policyTypes'));
    // Upstream looks at a changed one twice.
    return old && !equalJson(spec, old.spec ?? {}) ? [...errors, ...errors] : errors;
  },
};

/** Every CIDR of a policy: those that it has already may stay as they are. */
function cidrsOf({ spec }: KubeObject): string[] {
  return directions.flatMap(([rules, peers]) =>
    objectsAt(spec, rules).flatMap((rule) =>
      objectsAt(rule, peers).flatMap((peer) => {
        const block = objectAt(peer, 'ipBlock');
        return block ? [textAt(block, 'cidr'), ...textsAt(block, 'except')] : [];
      }),
    ),
  );
}

function policyTypeErrors(types: readonly string[], path: string): StatusCause[] {
  if (types.length > policyTypes.length) {
    return [invalidValue(path, types, 'may not specify more than two policyTypes')];
  }
  return types.flatMap((type, index) =>
    policyTypes.includes(type) ? [] : [unsupportedValue(`${path}[${index}]`, type, policyTypes)],
  );
}

function policyPortErrors(port: Fields, path: string): StatusCause[] {
  const [protocol, number, end] = [textAt(port, 'protocol'), port['port'], numberAt(port, 'endPort')];
  const errors = protocols.includes(protocol) ? [] : [unsupportedValue(`${path}.protocol`, protocol, protocols)];
  if (typeof number === 'number') {
    errors.push(...portErrors(number, `${path}.port`));
    if (end !== undefined && end < number) {
      // Upstream shows the port here, not its end.
      errors.push(invalidValue(`${path}.endPort`, number, 'must be greater than or equal to `port`'));
    }
    if (end !== undefined) errors.push(...invalidAll(`${path}.endPort`, end, portNumberErrors(end)));
    return errors;
  }
  if (end !== undefined) {
    const why = number === undefined ? '`port` is not specified' : '`port` is non-numeric';
    errors.push(invalidValue(`${path}.endPort`, end, `may not be specified when ${why}`));
  }
  return number === undefined ? errors : [...errors, ...portErrors(number, `${path}.port`)];
}

function peerErrors(peer: Fields, path: string, known: readonly string[]): StatusCause[] {
  const block = objectAt(peer, 'ipBlock');
  const selectors = ['podSelector', 'namespaceSelector'].filter((key) => objectAt(peer, key));
  const errors = selectors.flatMap((key) => selectorErrors(objectAt(peer, key) ?? {}, `${path}.${key}`));
  if (block) errors.push(...blockErrors(block, `${path}.ipBlock`, known));
  else if (selectors.length === 0) errors.push(requiredValue(path, 'must specify a peer'));
  if (block && selectors.length > 0) {
    errors.push(forbiddenValue(path, 'may not specify both ipBlock and another peer'));
  }
  return errors;
}

function blockErrors(block: Fields, path: string, known: readonly string[]): StatusCause[] {
  const text = textAt(block, 'cidr');
  if (text === '') return [requiredValue(`${path}.cidr`)];
  const cidr = parseCidr(text);
  if (!cidr) return legacyCidrErrors(text, `${path}.cidr`, known);
  return textsAt(block, 'except').flatMap((except, index) => {
    const at = `${path}.except[${index}]`;
    const part = parseCidr(except);
    if (!part) return legacyCidrErrors(except, at, known);
    if (cidrContains(cidr, part) && cidr.prefix < part.prefix) return [];
    return [invalidValue(at, except, 'must be a strict subset of `cidr`')];
  });
}
