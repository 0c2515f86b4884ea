import { dnsLabelErrors, type KubeObject } from '../../machinery/index.ts';

/** A name that its pods cannot have as host name; `used` says what it is used in. */
export function nameWarnings({ metadata }: KubeObject, used = 'Pod names and hostnames'): string[] {
  const errors = dnsLabelErrors(metadata.name);
  if (errors.length === 0) return [];
  const why = `this is used in ${used}, which can result in surprising behavior`;
  return [`metadata.name: ${why}; a DNS label is recommended: [${errors.join(' ')}]`];
}
