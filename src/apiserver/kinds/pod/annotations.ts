import { type Fields, invalidValue, type StatusCause } from '../../../machinery/index.ts';
import { ensureObject, objectAt, objectsAt, textAt } from '../fields.ts';
import { descendingPathErrors } from './paths.ts';

/** Marks the mirror of a pod that a node runs by itself. */
export const MIRROR = 'kubernetes.io/config.mirror';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** What is wrong with the annotations that mean something for pods. */
export function podAnnotationErrors(annotations: Record<string, string>, spec: Fields, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  const [mirror, cost] = [annotations[MIRROR], annotations[DELETION_COST]];
  if (mirror !== undefined && textAt(spec, 'nodeName') === '') {
    const detail = 'must set spec.nodeName if mirror pod annotation is set';
    errors.push(invalidValue(`${path}[${MIRROR}]`, mirror, detail));
  }
  if (cost !== undefined && !isInt32(cost)) {
    errors.push(invalidValue(`${path}[${DELETION_COST}]`, cost, 'must be a 32bit integer'));
  }
  return [...errors, ...seccompErrors(annotations, path), ...appArmorErrors(annotations, spec, path)];
}

export const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
export const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
const seccompProfiles = new Set(['runtime/default', 'docker/default', 'unconfined']);

/** Profiles as they were given before there were fields for them. The paths have no brackets. */
function seccompErrors(annotations: Record<string, string>, path: string): StatusCause[] {
  return Object.entries(annotations).flatMap(([key, profile]) => {
    if ((key !== SECCOMP_POD && !key.startsWith(SECCOMP_CONTAINER)) || seccompProfiles.has(profile)) return [];
    const at = `${path}.${key}`;
    if (profile.startsWith('localhost/')) return descendingPathErrors(profile.slice('localhost/'.length), at);
    return [invalidValue(at, profile, 'must be a valid seccomp profile')];
  });
}

export const APP_ARMOR = 'container.apparmor.security.beta.kubernetes.io/';

/** Gives the containers of a new pod the AppArmor profiles that its annotations name, in place. */
export function applyAppArmor(spec: Fields, annotations: Readonly<Record<string, string>>): void {
  for (const key of ['initContainers', 'containers']) {
    for (const container of objectsAt(spec, key)) {
      const profile = profileOf(annotations[`${APP_ARMOR}${textAt(container, 'name')}`]);
      if (!profile || objectAt(objectAt(container, 'securityContext'), 'appArmorProfile')) continue;
      ensureObject(container, 'securityContext')['appArmorProfile'] = profile;
    }
  }
}

function profileOf(annotation: string | undefined): Fields | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' };
  if (annotation === '' || annotation === 'runtime/default') return { type: 'RuntimeDefault' };
  if (!annotation?.startsWith('localhost/')) return undefined;
  return { type: 'Localhost', localhostProfile: annotation.slice('localhost/'.length) };
}

function appArmorErrors(annotations: Record<string, string>, spec: Fields, path: string): StatusCause[] {
  const names = ['initContainers', 'containers', 'ephemeralContainers'].flatMap((key) =>
    objectsAt(spec, key).map((container) => textAt(container, 'name')),
  );
  return Object.entries(annotations).flatMap(([key, profile]) => {
    if (!key.startsWith(APP_ARMOR)) return [];
    const at = `${path}[${key}]`;
    const name = key.slice(APP_ARMOR.length);
    const errors = names.includes(name) ? [] : [invalidValue(at, name, 'container not found')];
    if (/^(|runtime\/default|unconfined|localhost\/.*)$/s.test(profile)) return errors;
    return [...errors, invalidValue(at, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`)];
  });
}

/** A number that is written in one way only: without plus sign or leading zeros. */
function isInt32(text: string): boolean {
  if (text === '0') return true;
  return /^-?[1-9]\d{0,9}$/.test(text) && Number(text) === (Number(text) | 0);
}
