import {
  dnsSubdomainErrors,
  type Fields,
  forbiddenValue,
  invalidValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import { invalidAll } from '../checks.ts';
import { objectAt } from '../fields.ts';

const maxSpecLength = 64 * 1024;
const maxUserLength = 104;
const maxDomainLength = 256;
const netBiosName = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const dnsDomain = /^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const controlCharacters = /[\u0000-\u001f\u007f]/;

/** What is wrong with the Windows options of a security context. */
export function windowsOptionErrors(options: Fields | undefined, path: string): StatusCause[] {
  if (!options) return [];
  const errors: StatusCause[] = [];
  const name = options['gmsaCredentialSpecName'];
  if (typeof name === 'string')
    errors.push(...invalidAll(`${path}.gmsaCredentialSpecName`, name, dnsSubdomainErrors(name)));
  const spec = options['gmsaCredentialSpec'];
  if (spec === '') {
    errors.push(invalidValue(`${path}.gmsaCredentialSpec`, spec, 'gmsaCredentialSpec cannot be an empty string'));
  } else if (typeof spec === 'string' && spec.length > maxSpecLength) {
    errors.push(invalidValue(`${path}.gmsaCredentialSpec`, spec, 'gmsaCredentialSpec size must be under 64 KiB'));
  }
  const user = options['runAsUserName'];
  if (typeof user === 'string') errors.push(...invalidAll(`${path}.runAsUserName`, user, userErrors(user)));
  return errors;
}

/** What is wrong with a user name of Windows, 'DOMAIN\USER'. */
function userErrors(text: string): string[] {
  if (text === '') return ['runAsUserName cannot be an empty string'];
  if (controlCharacters.test(text)) return ['runAsUserName cannot contain control characters'];
  const parts = text.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const user = parts.at(-1) ?? '';
  const domain = parts.length === 2 ? (parts[0] ?? '') : undefined;
  const errors: string[] = [];
  if (domain !== undefined && domain.length >= maxDomainLength) {
    errors.push(`runAsUserName's Domain length must be under ${maxDomainLength} characters`);
  }
  if (
    domain !== undefined &&
    !netBiosName.test(domain) &&
    !(domain.length < maxDomainLength && dnsDomain.test(domain))
  ) {
    errors.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  }
  if (user === '') errors.push("runAsUserName's User cannot be empty");
  else if (user.length > maxUserLength) {
    errors.push(`runAsUserName's User length must not be longer than ${maxUserLength} characters`);
  }
  if (/^[. ]+$/.test(user)) errors.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) {
    errors.push('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]');
  }
  return errors;
}

/** A container of a pod, and where it is. */
export type Placed = readonly [container: Fields, path: string];

/** Containers that are processes of a Windows host share its network, and do not mix with others. */
export function hostProcessErrors(spec: Fields, path: string, containers: readonly Placed[]): StatusCause[] {
  const optionOf = (of: Fields | undefined): unknown =>
    objectAt(objectAt(of, 'securityContext'), 'windowsOptions')?.['hostProcess'];
  const ofPod = optionOf(spec);
  const errors: StatusCause[] = [];
  let processes = 0;
  for (const [container, at] of containers) {
    const own = optionOf(container);
    if (ofPod !== undefined && own !== undefined && own !== ofPod) {
      const detail = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
      errors.push(invalidValue(`${at}.securityContext.windowsOptions.hostProcess`, own, detail));
    }
    if ((own ?? ofPod) === true) processes++;
  }
  if (processes === 0) return errors;
  if (processes !== containers.length) {
    const detail = 'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    errors.push(invalidValue(path, '', detail));
  }
  if (spec['hostNetwork'] !== true) {
    const detail = 'hostNetwork must be true if pod contains any hostProcess containers';
    errors.push(invalidValue(`${path}.hostNetwork`, false, detail));
  }
  return errors;
}

/** Fields of a pod's and of a container's security context that mean nothing to Windows. */
const notOfWindows = {
  pod: [
    ...['securityContext.appArmorProfile', 'securityContext.seLinuxOptions', 'hostUsers', 'hostPID', 'hostIPC'],
    ...['securityContext.seccompProfile', 'securityContext.fsGroup', 'securityContext.fsGroupChangePolicy'],
    ...['securityContext.sysctls', 'shareProcessNamespace', 'securityContext.runAsUser', 'securityContext.runAsGroup'],
    ...['securityContext.supplementalGroups', 'securityContext.supplementalGroupsPolicy'],
    ...['securityContext.seLinuxChangePolicy'],
  ],
  container: [
    ...['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'capabilities', 'readOnlyRootFilesystem', 'privileged'],
    ...['allowPrivilegeEscalation', 'procMount', 'runAsUser', 'runAsGroup'],
  ],
};

/** What a pod says of one operating system that is another's. */
export function foreignErrors(spec: Fields, path: string, os: string, containers: readonly Placed[]): StatusCause[] {
  const own = objectAt(spec, 'securityContext');
  const contexts = containers.map(([container, at]): [Fields | undefined, string] => [
    objectAt(container, 'securityContext'),
    `${at}.securityContext`,
  ]);
  if (os === 'linux') {
    const all: (readonly [Fields | undefined, string])[] = [[own, `${path}.securityContext`], ...contexts];
    return all
      .filter(([context]) => context?.['windowsOptions'] !== undefined)
      .map(([, at]) => forbiddenValue(`${at}.windowsOptions`, 'windows options cannot be set for a linux pod'));
  }
  const forbidden = (at: string): StatusCause => forbiddenValue(at, 'cannot be set for a windows pod');
  return [
    ...notOfWindows.pod.filter((field) => isSet(spec, field)).map((field) => forbidden(`${path}.${field}`)),
    ...contexts.flatMap(([context, at]) =>
      notOfWindows.container.filter((field) => isSet(context, field)).map((field) => forbidden(`${at}.${field}`)),
    ),
  ];
}

function isSet(fields: Fields | undefined, path: string): boolean {
  const [key = '', inner] = path.split('.');
  if (inner !== undefined) return isSet(objectAt(fields, key), inner);
  const value = fields?.[key];
  return value !== undefined && !(value === false && /^host(PID|IPC)$/.test(key));
}
