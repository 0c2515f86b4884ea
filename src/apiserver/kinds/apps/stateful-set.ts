import {
  dnsLabelErrors,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll, nonNegative } from '../checks.ts';
import { ensureObject, numberAt, objectAt, objectsAt, setDefault, textAt } from '../fields.ts';
import { podMetadataErrors, podTemplateErrors } from '../pod/spec.ts';
import { claimSpecErrors } from '../storage/persistent-volume-claim.ts';
import {
  changedTemplateWarnings,
  defaultTemplate,
  endlessErrors,
  isUnusable,
  ownSelectorErrors,
  templateLabelErrors,
} from './pod-template.ts';
import { collisionErrors, countErrors, replicaErrors } from './status.ts';

export const statefulSetStrategy: KindStrategy = {
  applyDefaults(set) {
    const spec = ensureObject(set, 'spec');
    setDefault(spec, 'podManagementPolicy', 'OrderedReady');
    const strategy = ensureObject(spec, 'updateStrategy');
    if (textAt(strategy, 'type') === '') {
      strategy['type'] = 'RollingUpdate';
      ensureObject(strategy, 'rollingUpdate');
    }
    const rolling = objectAt(strategy, 'rollingUpdate');
    if (strategy['type'] === 'RollingUpdate' && rolling) setDefault(rolling, 'partition', 0);
    const retention = ensureObject(spec, 'persistentVolumeClaimRetentionPolicy');
    for (const key of ['whenDeleted', 'whenScaled']) setDefault(retention, key, 'Retain');
    setDefault(spec, 'replicas', 1);
    setDefault(spec, 'revisionHistoryLimit', 10);
    defaultTemplate(spec);
    for (const claim of objectsAt(spec, 'volumeClaimTemplates')) defaultClaim(claim);
  },
  prepareForCreate: (set) => dropMaxUnavailable(set, undefined),
  prepareForUpdate: dropMaxUnavailable,
  validate(set, old) {
    const spec = set.spec ?? {};
    return [...specErrors(spec, old), ...(old ? updateErrors(spec, old.spec ?? {}) : [])];
  },
  warnings(set, old) {
    const { spec } = set;
    const limit = numberAt(spec, 'revisionHistoryLimit') ?? 0;
    const advice = 'a negative value retains all historical revisions; a value >= 0 is recommended';
    const history = limit < 0 ? [`spec.revisionHistoryLimit: ${advice}`] : [];
    return [...changedTemplateWarnings(set, old), ...history];
  },
  subresources: {
    status: {
      validate: (set, old) => [
        ...countErrors(set.status, [
          ...['replicas', 'readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
          ...['observedGeneration', 'collisionCount'],
        ]),
        ...replicaErrors(
          set.status,
          ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
          'status.readyReplicas',
        ),
        ...collisionErrors(set, old),
      ],
    },
  },
};

function defaultClaim(claim: Fields): void {
  claim['apiVersion'] ??= 'v1';
  claim['kind'] ??= 'PersistentVolumeClaim';
  setDefault(ensureObject(claim, 'spec'), 'volumeMode', 'Filesystem');
  setDefault(ensureObject(claim, 'status'), 'phase', 'Pending');
}

/** rollingUpdate.maxUnavailable is behind a feature gate that is off. */
function dropMaxUnavailable(set: KubeObject, old: KubeObject | undefined): void {
  const rollingOf = (of: KubeObject | undefined): Fields | undefined =>
    objectAt(objectAt(of?.spec, 'updateStrategy'), 'rollingUpdate');
  if (rollingOf(old)?.['maxUnavailable'] === undefined) delete rollingOf(set)?.['maxUnavailable'];
}

function claimTemplateErrors(claims: readonly Fields[], path: string): StatusCause[] {
  return claims.flatMap((claim, index) => claimSpecErrors(objectAt(claim, 'spec') ?? {}, `${path}[${index}].spec`));
}

const policies = ['OrderedReady', 'Parallel'];

function specErrors(spec: Fields, old: KubeObject | undefined): StatusCause[] {
  const policy = textAt(spec, 'podManagementPolicy');
  const service = textAt(spec, 'serviceName');
  return [
    ...(policies.includes(policy)
      ? []
      : [invalidValue('spec.podManagementPolicy', policy, `must be '${policies.join("' or '")}'`)]),
    ...strategyErrors(objectAt(spec, 'updateStrategy') ?? {}),
    ...retentionErrors(objectAt(spec, 'persistentVolumeClaimRetentionPolicy')),
    ...(old ? [] : claimTemplateErrors(objectsAt(spec, 'volumeClaimTemplates'), 'spec.volumeClaimTemplates')),
    ...nonNegative(spec, 'replicas', 'spec'),
    ...nonNegative(spec, 'minReadySeconds', 'spec'),
    ...nonNegative(objectAt(spec, 'ordinals'), 'start', 'spec.ordinals'),
    ...(old || service === '' ? [] : invalidAll('spec.serviceName', service, dnsLabelErrors(service))),
    ...ownSelectorErrors(objectAt(spec, 'selector'), 'statefulset'),
    ...(isUnusable(objectAt(spec, 'selector'))
      ? [invalidValue('spec.selector', spec['selector'], '')]
      : [
          ...templateLabelErrors(spec),
          ...podTemplateErrors(templateWithClaims(spec), 'spec.template'),
          ...podMetadataErrors(objectAt(spec, 'template') ?? {}, 'spec.template'),
        ]),
    ...endlessErrors(spec, 'StatefulSet'),
  ];
}

/** The template as its pods will have it: with the volumes of the claims, and named by the set. */
function templateWithClaims(spec: Fields): Fields {
  const template = objectAt(spec, 'template') ?? {};
  const pod = objectAt(template, 'spec') ?? {};
  const claims = objectsAt(spec, 'volumeClaimTemplates').map((claim) => textAt(objectAt(claim, 'metadata'), 'name'));
  const volumes = objectsAt(pod, 'volumes').filter((volume) => !claims.includes(textAt(volume, 'name')));
  const claimed = claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...template, spec: { ...pod, hostname: '', subdomain: '', volumes: [...claimed, ...volumes] } };
}

function strategyErrors(strategy: Fields): StatusCause[] {
  const rolling = objectAt(strategy, 'rollingUpdate');
  const type = textAt(strategy, 'type');
  const at = 'spec.updateStrategy';
  if (type === 'RollingUpdate') return nonNegative(rolling, 'partition', `${at}.rollingUpdate`);
  const printed = rolling && {
    Partition: rolling['partition'] ?? 0,
    MaxUnavailable: rolling['maxUnavailable'] ?? null,
  };
  if (type !== 'OnDelete') {
    const given = { Type: type, RollingUpdate: printed ?? null };
    return [invalidValue(at, given, "must be 'RollingUpdate' or 'OnDelete'")];
  }
  if (!rolling) return [];
  return [invalidValue(`${at}.rollingUpdate`, printed, "only allowed for updateStrategy 'RollingUpdate'")];
}

function retentionErrors(retention: Fields | undefined): StatusCause[] {
  return ['whenDeleted', 'whenScaled'].flatMap((key) => {
    const policy = textAt(retention, key);
    if (policy === 'Retain' || policy === 'Delete') return [];
    return [unsupportedValue(`spec.persistentVolumeClaimRetentionPolicy.${key}`, policy, ['Retain', 'Delete'])];
  });
}

const updatable = [
  ...['replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit'],
  ...['persistentVolumeClaimRetentionPolicy', 'minReadySeconds'],
];

function updateErrors(spec: Fields, old: Fields): StatusCause[] {
  const fixed = (of: Fields): Fields =>
    Object.fromEntries(Object.entries(of).filter(([key]) => !updatable.includes(key)));
  if (equalJson(fixed(spec), fixed(old))) return [];
  const names = updatable.map((name) => `'${name}'`);
  const last = names.pop();
  const detail = `updates to statefulset spec for fields other than ${names.join(', ')} and ${last} are forbidden`;
  return [forbiddenValue('spec', detail)];
}
