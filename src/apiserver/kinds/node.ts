import {
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  labelValueErrors,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { labelNameErrors } from './checks.ts';
import { ensureObject, numberAt, objectAt, objectsAt, textAt, textsAt } from './fields.ts';
import { isDualStack, legacyCidrErrors, parseCidr } from './networking/ip-values.ts';
import { resourceAmountErrors } from './resource-quota.ts';

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export const nodeStrategy: KindStrategy = {
  keepsFirstStatus: true,
  applyDefaults(node) {
    const spec = ensureObject(node, 'spec');
    const { podCIDR, podCIDRs } = spec;
    // Older clients know one range, newer ones a list; upstream keeps both.
    if (typeof podCIDR === 'string' && podCIDR !== '' && podCIDRs === undefined) spec['podCIDRs'] = [podCIDR];
    const [first] = textsAt(spec, 'podCIDRs');
    if (first !== undefined) spec['podCIDR'] = first;
    const status = objectAt(node, 'status');
    if (status?.['capacity'] !== undefined) status['allocatable'] ??= structuredClone(status['capacity']);
  },
  prepareForCreate(node) {
    delete node.spec?.['configSource'];
  },
  prepareForUpdate(node, old) {
    if (old.spec?.['configSource'] === undefined) delete node.spec?.['configSource'];
  },
  warnings: ({ spec }) => [
    ...(spec?.['configSource'] === undefined ? [] : ['spec.configSource: the feature is removed']),
    ...(textAt(spec, 'externalID') === ''
      ? []
      : ['spec.externalID: this field is deprecated, and is unused by Kubernetes']),
  ],
  validate(node, old) {
    const spec = node.spec ?? {};
    if (old) return [...amountsErrors(node.status), ...changeErrors(spec, old.spec ?? {}), ...taintErrors(spec)];
    const swap = objectAt(objectAt(node.status, 'nodeInfo'), 'swap');
    const capacity = numberAt(swap, 'capacity') ?? 1;
    const errors = [...taintErrors(spec), ...amountsErrors(node.status)];
    if (capacity <= 0) {
      errors.push(invalidValue('metadata.nodeSwapStatus.capacity', capacity, 'must be greater than zero'));
    }
    return [...errors, ...podCidrErrors(textsAt(spec, 'podCIDRs'), 'spec.podCIDRs')];
  },
  subresources: {
    status: {
      prepareForUpdate(node, old) {
        if (old.status?.['config'] === undefined) delete node.status?.['config'];
      },
      validate: ({ status }) => statusErrors(status),
    },
  },
};

function statusErrors(status: Fields | undefined): StatusCause[] {
  const errors = amountsErrors(status);
  const seen = new Set<string>();
  objectsAt(status, 'addresses').forEach((address, index) => {
    const [type, text] = [textAt(address, 'type'), textAt(address, 'address')];
    const key = `${type} ${text}`;
    if (seen.has(key)) {
      errors.push({
        reason: 'FieldValueDuplicate',
        message: `Duplicate value: ${JSON.stringify({ Type: type, Address: text })}`,
        field: `status.addresses[${index}]`,
      });
    }
    seen.add(key);
  });
  return errors;
}

function amountsErrors(status: Fields | undefined): StatusCause[] {
  return ['capacity', 'allocatable'].flatMap((key) =>
    Object.entries(objectAt(status, key) ?? {}).flatMap(([name, amount]) =>
      resourceAmountErrors(name, amount, `status.${key}.${name}`),
    ),
  );
}

/** Upstream places the taints in the metadata. */
function taintErrors(spec: Fields): StatusCause[] {
  const seen = new Set<string>();
  return objectsAt(spec, 'taints').flatMap((taint, index) => {
    const path = `metadata.taints[${index}]`;
    const [key, value, effect] = [textAt(taint, 'key'), textAt(taint, 'value'), textAt(taint, 'effect')];
    const errors = labelNameErrors(key, `${path}.key`);
    const wrong = labelValueErrors(value);
    if (wrong.length > 0) errors.push(invalidValue(`${path}.value`, value, wrong.join(';')));
    if (effect === '') errors.push(requiredValue(`${path}.effect`));
    else if (!effects.includes(effect)) errors.push(unsupportedValue(`${path}.effect`, effect, effects));
    if (seen.has(`${effect} ${key}`)) {
      const printed = { Key: key, Value: value, Effect: effect, TimeAdded: taint['timeAdded'] ?? null };
      const detail = 'taints must be unique by key and effect pair';
      errors.push({
        reason: 'FieldValueDuplicate',
        message: `Duplicate value: ${JSON.stringify(printed)}: ${detail}`,
        field: path,
      });
    }
    seen.add(`${effect} ${key}`);
    return errors;
  });
}

function podCidrErrors(cidrs: readonly string[], path: string): StatusCause[] {
  const errors = cidrs.flatMap((cidr, index) => legacyCidrErrors(cidr, `${path}[${index}]`));
  if (cidrs.length < 2) return errors;
  const families = cidrs.flatMap((cidr) => parseCidr(cidr)?.family ?? []);
  if (cidrs.length === 2 && isDualStack(families)) return errors;
  return [...errors, invalidValue(path, cidrs, 'may specify no more than one CIDR for each IP family')];
}

function changeErrors(spec: Fields, old: Fields): StatusCause[] {
  const [cidrs, before] = [textsAt(spec, 'podCIDRs'), textsAt(old, 'podCIDRs')];
  const errors: StatusCause[] = [];
  if (before.length > 0 && !equalJson(cidrs, before)) {
    const detail = 'node updates may not change podCIDR except from "" to valid';
    const times = cidrs.length === before.length ? before.filter((cidr, index) => cidr !== cidrs[index]).length : 1;
    for (let time = 0; time < times; time++) errors.push(forbiddenValue('spec.podCIDRs', detail));
  }
  const provider = textAt(old, 'providerID');
  if (provider !== '' && provider !== textAt(spec, 'providerID')) {
    const detail = 'node updates may not change providerID except from "" to valid';
    errors.push(forbiddenValue('spec.providerID', detail));
  }
  if (textAt(spec, 'externalID') !== textAt(old, 'externalID')) {
    errors.push(forbiddenValue('spec.externalID', 'may not be updated'));
  }
  return errors;
}
