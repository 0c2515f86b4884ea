import { isIPv4 } from 'node:net';
import {
  cloneJson,
  dnsSubdomainErrors,
  duplicateValue,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  qualifiedNameErrors,
  type StatusCause,
} from '../../../machinery/index.ts';
import type { UpdateStrategy } from '../../contracts.ts';
import { legacyAddressErrors } from '../addresses.ts';
import { invalidAll } from '../checks.ts';
import { numberAt, objectAt, objectsAt, textAt } from '../fields.ts';
import { annotationUpdateErrors } from './update.ts';

/** Writes of pods/status. */
export const podStatusStrategy: UpdateStrategy = {
  prepareForUpdate(pod, old) {
    const { ownerReferences } = old.metadata;
    if (ownerReferences) pod.metadata.ownerReferences = cloneJson(ownerReferences);
    else delete pod.metadata.ownerReferences;
    agreeOnAddress(pod.status ?? {});
    const qosClass = old.status?.['qosClass'];
    if (pod.status && textAt(pod.status, 'qosClass') === '' && qosClass !== undefined)
      pod.status['qosClass'] = qosClass;
  },
  validate(pod, old) {
    const before = old ?? pod;
    const { status = {} } = pod;
    return [
      ...annotationUpdateErrors(pod, before),
      ...conditionErrors(objectsAt(status, 'conditions'), 'status.conditions'),
      ...nominatedErrors(pod, before),
      ...generationErrors(status, 'status'),
      ...(equalJson(status['qosClass'] ?? '', before.status?.['qosClass'] ?? '')
        ? []
        : [invalidValue('status.qosClass', status['qosClass'] ?? '', 'field is immutable')]),
      ...transitionErrors(pod, before),
      ...claimErrors(pod),
      ...addressListErrors(status, 'podIPs'),
      ...hostAddressErrors(status),
    ];
  },
};

/** status.podIP is the first of status.podIPs, whichever of them is given. */
function agreeOnAddress(status: Fields): void {
  const address = textAt(status, 'podIP');
  const [first, ...others] = objectsAt(status, 'podIPs');
  if (first === undefined && address !== '') status['podIPs'] = [{ ip: address }];
  else if (first !== undefined && address === '') status['podIP'] = textAt(first, 'ip');
  else if (first !== undefined && address !== textAt(first, 'ip')) status['podIPs'] = [{ ip: address }, ...others];
}

function generationErrors(fields: Fields, path: string): StatusCause[] {
  const generation = numberAt(fields, 'observedGeneration') ?? 0;
  if (generation >= 0) return [];
  return [invalidValue(`${path}.observedGeneration`, generation, 'must be a non-negative integer')];
}

const systemConditions = new Set(['PodScheduled', 'Ready', 'Initialized']);

function conditionErrors(conditions: readonly Fields[], path: string): StatusCause[] {
  return conditions.flatMap((condition, index) => {
    const at = `${path}[${index}]`;
    const type = textAt(condition, 'type');
    const wrong = systemConditions.has(type) ? [] : qualifiedNameErrors(type);
    return [...generationErrors(condition, at), ...invalidAll(`${at}.Type`, type, wrong)];
  });
}

function nominatedErrors({ status }: KubeObject, old: KubeObject): StatusCause[] {
  const at = 'status.nominatedNodeName';
  const name = textAt(status, 'nominatedNodeName');
  if (name === '' || name === textAt(old.status, 'nominatedNodeName')) return [];
  const errors = invalidAll(at, name, dnsSubdomainErrors(name));
  if (textAt(old.spec, 'nodeName') !== '') {
    errors.push(forbiddenValue(at, 'may not be set on pods that are already bound to a node'));
  }
  return errors;
}

/** A container that has ended for good stays so. */
function transitionErrors(pod: KubeObject, old: KubeObject): StatusCause[] {
  const policy = textAt(old.spec, 'restartPolicy');
  if (policy === 'Always') return [];
  const sidecars = new Set(
    objectsAt(old.spec, 'initContainers')
      .filter((container) => container['restartPolicy'] === 'Always')
      .map((container) => textAt(container, 'name')),
  );
  return ['containerStatuses', 'initContainerStatuses'].flatMap((key) =>
    objectsAt(old.status, key).flatMap((before, index) => {
      const ended = objectAt(objectAt(before, 'state'), 'terminated');
      const mayRestart = policy === 'OnFailure' && (numberAt(ended, 'exitCode') ?? 0) !== 0;
      const name = textAt(before, 'name');
      if (!ended || mayRestart || (key === 'initContainerStatuses' && sidecars.has(name))) return [];
      const now = objectsAt(pod.status, key).find((status) => textAt(status, 'name') === name);
      if (!now || objectAt(objectAt(now, 'state'), 'terminated')) return [];
      return [forbiddenValue(`status.${key}[${index}].state`, 'may not be transitioned to non-terminated state')];
    }),
  );
}

function claimErrors({ spec, status }: KubeObject): StatusCause[] {
  const claims = new Set(objectsAt(spec, 'resourceClaims').map((claim) => textAt(claim, 'name')));
  const names = new Set<string>();
  return objectsAt(status, 'resourceClaimStatuses').flatMap((claim, index) => {
    const at = `status.resourceClaimStatuses[${index}].name`;
    const [name, object] = [textAt(claim, 'name'), claim['resourceClaimName']];
    const errors: StatusCause[] = [];
    const detail = 'must match the name of an entry in `spec.resourceClaims`';
    if (!claims.has(name)) errors.push(invalidValue(at, name, detail));
    if (names.has(name)) errors.push(duplicateValue(at, name));
    names.add(name);
    return typeof object === 'string' ? [...errors, ...invalidAll(at, object, dnsSubdomainErrors(object))] : errors;
  });
}

/** A list of addresses, at most one of each family. */
function addressListErrors(status: Fields, key: string): StatusCause[] {
  const list = objectsAt(status, key);
  const addresses = list.map((item) => textAt(item, 'ip'));
  const errors = addresses.flatMap((address, index) => legacyAddressErrors(address, `status.${key}[${index}]`));
  if (addresses.length < 2) return errors;
  const families = addresses.map(isIPv4);
  if (addresses.length === 2 && families[0] !== families[1]) return errors;
  const printed = addresses.map((IP) => ({ IP }));
  return [...errors, invalidValue(`status.${key}`, printed, 'may specify no more than one IP for each IP family')];
}

function hostAddressErrors(status: Fields): StatusCause[] {
  const [first] = objectsAt(status, 'hostIPs');
  if (!first) return [];
  const errors =
    textAt(first, 'ip') === textAt(status, 'hostIP')
      ? []
      : [invalidValue('status.hostIPs[0].ip', textAt(first, 'ip'), 'must be equal to `hostIP`')];
  return [...errors, ...addressListErrors(status, 'hostIPs')];
}
