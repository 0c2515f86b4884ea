import {
  duplicateValue,
  type Fields,
  forbiddenValue,
  invalidValue,
  rangeMessage,
  requiredValue,
  type StatusCause,
  tooLong,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { numberAt, objectAt, objectsAt, textAt, textsAt } from '../fields.ts';
import { descendingPathErrors } from './paths.ts';
import { windowsOptionErrors } from './windows.ts';

const MAX_ID = 2 ** 31 - 1;
const MAX_SYSCTL_LENGTH = 253;
const MAX_PROFILE_LENGTH = 4095;

function idErrors(id: number | undefined, path: string): StatusCause[] {
  return id === undefined || (id >= 0 && id <= MAX_ID) ? [] : [invalidValue(path, id, rangeMessage(0, MAX_ID))];
}

/** A field that is one of a few values if it is there. */
function choiceErrors(fields: Fields, key: string, path: string, supported: readonly string[]): StatusCause[] {
  const value = fields[key];
  return value === undefined || supported.includes(String(value))
    ? []
    : [unsupportedValue(`${path}.${key}`, value, supported)];
}

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function seccompErrors(profile: Fields | undefined, path: string): StatusCause[] {
  if (!profile) return [];
  const [type, local] = [textAt(profile, 'type'), profile['localhostProfile']];
  const errors = profileTypeErrors(type, path, 'seccompProfile');
  const at = `${path}.localhostProfile`;
  if (type !== 'Localhost') {
    if (local === undefined) return errors;
    const printed = { Type: type, LocalhostProfile: local };
    return [...errors, invalidValue(at, printed, 'can only be set when seccomp type is Localhost')];
  }
  if (local === undefined) return [...errors, requiredValue(at, 'must be set when seccomp type is Localhost')];
  return [...errors, ...descendingPathErrors(String(local), at)];
}

function profileTypeErrors(type: string, path: string, name: string): StatusCause[] {
  if (type === '') return [requiredValue(`${path}.type`, `type is required when ${name} is set`)];
  return profileTypes.includes(type) ? [] : [unsupportedValue(`${path}.type`, type, profileTypes)];
}

function appArmorErrors(profile: Fields | undefined, path: string): StatusCause[] {
  if (!profile) return [];
  const [type, local] = [textAt(profile, 'type'), profile['localhostProfile']];
  const at = `${path}.localhostProfile`;
  const errors: StatusCause[] = [];
  if (type !== 'Localhost') {
    if (local !== undefined && profileTypes.includes(type)) {
      errors.push(invalidValue(at, local, 'can only be set when AppArmor type is Localhost'));
    }
    return [...profileTypeErrors(type, path, 'appArmorProfile'), ...errors];
  }
  if (local === undefined) return [requiredValue(at, 'must be set when AppArmor type is Localhost')];
  const name = String(local);
  if (name.trim() !== name) return [invalidValue(at, name, 'must not be padded with whitespace')];
  if (name === '') return [requiredValue(at, 'must be set when AppArmor type is Localhost')];
  return name.length > MAX_PROFILE_LENGTH ? [tooLong(at, MAX_PROFILE_LENGTH)] : [];
}

/** The fields of a container's security context as kube-apiserver prints them in errors. */
function asInternal(context: Fields): Fields {
  const capabilities = objectAt(context, 'capabilities');
  return {
    Capabilities: capabilities ? { Add: capabilities['add'] ?? null, Drop: capabilities['drop'] ?? null } : null,
    Privileged: context['privileged'] ?? null,
    SELinuxOptions: context['seLinuxOptions'] ?? null,
    WindowsOptions: context['windowsOptions'] ?? null,
    RunAsUser: context['runAsUser'] ?? null,
    RunAsGroup: context['runAsGroup'] ?? null,
    RunAsNonRoot: context['runAsNonRoot'] ?? null,
    ReadOnlyRootFilesystem: context['readOnlyRootFilesystem'] ?? null,
    AllowPrivilegeEscalation: context['allowPrivilegeEscalation'] ?? null,
    ProcMount: context['procMount'] ?? null,
    SeccompProfile: context['seccompProfile'] ?? null,
    AppArmorProfile: context['appArmorProfile'] ?? null,
  };
}

/** What is wrong with a container's security context; `hostUsers` unless its pod has users of its own. */
export function containerSecurityErrors(context: Fields | undefined, path: string, hostUsers: boolean): StatusCause[] {
  if (!context) return [];
  const errors = [
    ...idErrors(numberAt(context, 'runAsUser'), `${path}.runAsUser`),
    ...idErrors(numberAt(context, 'runAsGroup'), `${path}.runAsGroup`),
    ...choiceErrors(context, 'procMount', path, ['Default', 'Unmasked']),
  ];
  if (hostUsers && context['procMount'] === 'Unmasked') {
    errors.push(invalidValue(`${path}.procMount`, 'Unmasked', '`hostUsers` must be false to use `Unmasked`'));
  }
  errors.push(...seccompErrors(objectAt(context, 'seccompProfile'), `${path}.seccompProfile`));
  if (context['allowPrivilegeEscalation'] === false) {
    const wrong = (what: string): number =>
      errors.push(
        invalidValue(path, asInternal(context), `cannot set \`allowPrivilegeEscalation\` to false and ${what}`),
      );
    if (context['privileged'] === true) wrong('`privileged` to true');
    if (textsAt(objectAt(context, 'capabilities'), 'add').includes('CAP_SYS_ADMIN')) {
      wrong('`capabilities.Add` CAP_SYS_ADMIN');
    }
  }
  return [
    ...errors,
    ...windowsOptionErrors(objectAt(context, 'windowsOptions'), `${path}.windowsOptions`),
    ...appArmorErrors(objectAt(context, 'appArmorProfile'), `${path}.appArmorProfile`),
  ];
}

/** What is wrong with the security context of a pod's spec. */
export function podSecurityErrors(spec: Fields, path: string): StatusCause[] {
  const context = objectAt(spec, 'securityContext') ?? {};
  const at = `${path}.securityContext`;
  const groups = context['supplementalGroups'];
  const errors = [
    ...['fsGroup', 'runAsUser', 'runAsGroup'].flatMap((key) => idErrors(numberAt(context, key), `${at}.${key}`)),
    ...(Array.isArray(groups) ? groups : []).flatMap((id, i) => idErrors(Number(id), `${at}.supplementalGroups[${i}]`)),
  ];
  if (spec['shareProcessNamespace'] === true && spec['hostPID'] === true) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalidValue(`${at}.shareProcessNamespace`, true, detail));
  }
  return [
    ...errors,
    ...sysctlErrors(spec, objectsAt(context, 'sysctls'), `${at}.sysctls`),
    ...choiceErrors(context, 'fsGroupChangePolicy', at, ['Always', 'OnRootMismatch']),
    ...seccompErrors(objectAt(context, 'seccompProfile'), `${at}.seccompProfile`),
    ...windowsOptionErrors(objectAt(context, 'windowsOptions'), `${at}.windowsOptions`),
    ...appArmorErrors(objectAt(context, 'appArmorProfile'), `${at}.appArmorProfile`),
    ...choiceErrors(context, 'supplementalGroupsPolicy', at, ['Merge', 'Strict']),
    // 'MountOption' is behind a feature gate that is off.
    ...choiceErrors(context, 'seLinuxChangePolicy', at, ['Recursive']),
  ];
}

const segment = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const sysctlFormat = `^(${segment}[\\./])*${segment}$`;
const sysctlPattern = new RegExp(sysctlFormat);
/** Sysctls that belong to a namespace of the kernel, by the beginning of their names. */
const namespaces = {
  hostNetwork: /^net[./]/,
  hostIPC: /^(kernel[./]shm|kernel[./]msg|kernel[./]sem$|fs[./]mqueue[./])/,
};

function sysctlErrors(spec: Fields, sysctls: readonly Fields[], path: string): StatusCause[] {
  const names = new Set<string>();
  return sysctls.flatMap((sysctl, index) => {
    const at = `${path}[${index}].name`;
    const name = textAt(sysctl, 'name');
    const errors: StatusCause[] = [];
    if (name === '') errors.push(requiredValue(at));
    else if (name.length > MAX_SYSCTL_LENGTH || !sysctlPattern.test(name)) {
      const detail = `must have at most ${MAX_SYSCTL_LENGTH} characters and match regex ${sysctlFormat}`;
      errors.push(invalidValue(at, name, detail));
    } else if (names.has(name)) errors.push(duplicateValue(at, name));
    names.add(name);
    const host = (['hostNetwork', 'hostIPC'] as const).find((key) => spec[key] === true && namespaces[key].test(name));
    if (host) errors.push(invalidValue(at, name, `may not be specified when '${host}' is true`));
    return errors;
  });
}

/** A pod with users of its own has namespaces of its own, too. */
export function hostUsersErrors(spec: Fields, path: string): StatusCause[] {
  if (spec['hostUsers'] !== false) return [];
  const named = { hostNetwork: 'hostNetwork', hostPID: 'HostPID', hostIPC: 'HostIPC' };
  return Object.entries(named)
    .filter(([key]) => spec[key] === true)
    .map(([, name]) => forbiddenValue(`${path}.${name}`, 'when `hostUsers` is false'));
}
