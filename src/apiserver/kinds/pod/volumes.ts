import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  type Fields,
  forbiddenValue,
  invalidValue,
  requiredValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import { invalidAll } from '../checks.ts';
import { objectAt, objectsAt, textAt } from '../fields.ts';
import { hasLongPortal, LONG_PORTAL } from '../volume-source-checks.ts';
import { volumeSources } from './defaults.ts';
import type { Volumes } from './mounts.ts';
import { sourceChecks } from './volume-sources.ts';

/** How errors name a source that is one too many, where that is not its own name. */
const otherNames: Readonly<Record<string, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' };

/** What is wrong with a pod's volumes, and those that are right. `podName` is '' in a template. */
export function volumeErrors(
  volumes: readonly Fields[],
  path: string,
  podName: string,
): { errors: StatusCause[]; volumes: Volumes } {
  const right = new Map<string, string>();
  const claims = podName === '' ? [] : volumes.filter((volume) => objectAt(volume, 'ephemeral')).map(nameOf);
  const made = new Set(claims.map((name) => `${podName}-${name}`));
  const errors: StatusCause[] = [];
  volumes.forEach((volume, index) => {
    const at = `${path}[${index}]`;
    const name = nameOf(volume);
    const found = sourceErrors(volume, at, podName);
    if (name === '') found.push(requiredValue(`${at}.name`));
    else found.push(...invalidAll(`${at}.name`, name, dnsLabelErrors(name)));
    if (right.has(name)) found.push(duplicateValue(`${at}.name`, name));
    if (found.length === 0) right.set(name, volumeSources(volume)[0] ?? '');
    errors.push(...found);
    const claim = textAt(objectAt(volume, 'persistentVolumeClaim'), 'claimName');
    if (made.has(claim)) {
      const detail = 'must not reference a PVC that gets created for an ephemeral volume';
      errors.push(invalidValue(`${at}.persistentVolumeClaim.claimName`, claim, detail));
    }
  });
  return { errors, volumes: right };
}

const nameOf = (volume: Fields): string => textAt(volume, 'name');

function sourceErrors(volume: Fields, path: string, podName: string): StatusCause[] {
  const [source, ...others] = volumeSources(volume);
  if (source === undefined) return [requiredValue(path, 'must specify a volume type')];
  const errors = sourceChecks[source]?.(objectAt(volume, source) ?? {}, `${path}.${source}`) ?? [];
  const name = nameOf(volume);
  if (hasLongPortal(objectAt(volume, 'iscsi'), name)) errors.push(invalidValue(`${path}.name`, name, LONG_PORTAL));
  if (source === 'ephemeral' && podName !== '' && name !== '') {
    const claim = `${podName}-${name}`;
    const details = dnsSubdomainErrors(claim).map((error) => `PVC name ${JSON.stringify(claim)}: ${error}`);
    errors.push(...invalidAll(`${path}.name`, name, details));
  }
  const more = others.map((other) =>
    forbiddenValue(`${path}.${otherNames[other] ?? other}`, 'may not specify more than 1 volume type'),
  );
  return [...errors, ...more];
}

/** The volumes that give a pod a token of its service account, which it needs to have one for. */
export function tokenVolumeErrors(volumes: readonly Fields[], path: string): StatusCause[] {
  return volumes.flatMap((volume, index) =>
    objectsAt(objectAt(volume, 'projected'), 'sources').flatMap((source, i) =>
      objectAt(source, 'serviceAccountToken')
        ? [
            forbiddenValue(
              `${path}[${index}].projected.sources[${i}].serviceAccountToken`,
              'must not be specified when serviceAccountName is not set',
            ),
          ]
        : [],
    ),
  );
}
