import type { Container, Pod, PodSecurityContext, SecurityContext } from '../pod.ts';

/**
 * What of a pod this node cannot honour, as one sentence, or undefined. A feature that shields or opens something is
 * never ignored silently: its container is refused instead.
 */
export function unsupportedInPod(pod: Pod): string | undefined {
  const spec = pod.spec;
  if (!spec) return undefined;
  const refused: [boolean | undefined, string][] = [
    [spec.hostNetwork, 'hostNetwork'],
    [spec.hostPID, 'hostPID'],
    [spec.hostIPC, 'hostIPC'],
    [spec.hostUsers === false, 'hostUsers: false'],
    [spec.runtimeClassName !== undefined, 'runtimeClassName'],
    [spec.os !== undefined && spec.os.name !== 'linux', 'an os other than linux'],
    [(spec.securityContext?.sysctls?.length ?? 0) > 0, 'securityContext.sysctls'],
  ];
  const found = refused.find(([asked]) => asked)?.[1] ?? unsupportedProfile(spec.securityContext);
  return found && `this node does not support ${found} in a pod's spec`;
}

/** The same for one container. */
export function unsupportedInContainer(container: Container): string | undefined {
  const context: SecurityContext = container.securityContext ?? {};
  const refused: [boolean | undefined, string][] = [
    [context.privileged, 'securityContext.privileged'],
    [
      context.procMount !== undefined && context.procMount !== 'Default',
      `securityContext.procMount: ${context.procMount}`,
    ],
    [(container.volumeDevices?.length ?? 0) > 0, 'volumeDevices'],
    [
      container.volumeMounts?.some(
        (mount) => mount.mountPropagation !== undefined && mount.mountPropagation !== 'None',
      ),
      'mountPropagation',
    ],
    [container.volumeMounts?.some((mount) => mount.recursiveReadOnly === 'Enabled'), 'recursiveReadOnly'],
    [container.lifecycle?.stopSignal !== undefined, 'lifecycle.stopSignal'],
    [Object.keys(container.resources?.limits ?? {}).some((name) => name.includes('/')), 'extended resources'],
  ];
  const found = refused.find(([asked]) => asked)?.[1] ?? unsupportedProfile(context);
  return found && `this node does not support ${found} in a container`;
}

/** What a pod or container asks for of the kernel's security modules. No AppArmor profile is set here, not even the default. */
function unsupportedProfile(context: PodSecurityContext | SecurityContext | undefined): string | undefined {
  if (context?.seccompProfile?.type === 'Localhost') return 'seccompProfile of type Localhost';
  const appArmor = context?.appArmorProfile?.type ?? 'Unconfined';
  if (appArmor !== 'Unconfined') return `appArmorProfile of type ${appArmor}`;
  if (context?.seLinuxOptions !== undefined) return 'seLinuxOptions';
  return context?.windowsOptions === undefined ? undefined : 'windowsOptions';
}

/** The seccomp profile that a container asks for: its own, or its pod's. */
export const seccompOf = (pod: Pod, container: Container): string | undefined =>
  (container.securityContext?.seccompProfile ?? pod.spec?.securityContext?.seccompProfile)?.type;
