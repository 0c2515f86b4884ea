import type { SandboxSpec } from './runtime.ts';

/** The files that every container of a pod finds in its /etc: by their names, their text. @param ip the pod's */
export function etcFiles(spec: SandboxSpec, ip: string): Record<'hosts' | 'hostname' | 'resolv.conf', string> {
  const hosts = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    [ip, ...(spec.fqdn === undefined ? [] : [spec.fqdn]), spec.hostname].join('\t'),
    ...spec.hosts,
  ];
  return { hosts: `${hosts.join('\n')}\n`, hostname: `${spec.hostname}\n`, 'resolv.conf': spec.resolvConf };
}
