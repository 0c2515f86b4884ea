import type { CustomResourceDefinition, DefinitionVersion } from './definition.ts';

/** The warning for users of a deprecated version; undefined for a version that is not. */
export function deprecationWarning(crd: CustomResourceDefinition, version: DefinitionVersion): string | undefined {
  if (!version.deprecated) return undefined;
  if (version.deprecationWarning !== undefined) return version.deprecationWarning;
  const { group, names, versions = [] } = crd.spec ?? {};
  const [newer] = versions
    .filter((other) => other.served && !other.deprecated)
    .map((other) => other.name ?? '')
    .filter((name) => compareVersions(name, version.name ?? '') > 0)
    .sort((a, b) => compareVersions(b, a));
  const text = `${group}/${version.name} ${names?.kind} is deprecated`;
  return newer === undefined ? text : `${text}; use ${group}/${newer} ${names?.kind}`;
}

const stages = ['alpha', 'beta', ''];

/** Kubernetes' order of versions, older first: v1alpha1 < v1beta2 < v1 < v2, and other names before all of these. */
function compareVersions(a: string, b: string): number {
  const left = parseVersion(a);
  const right = parseVersion(b);
  if (left === undefined || right === undefined) {
    if (left === right) return a < b ? 1 : a > b ? -1 : 0;
    return left === undefined ? -1 : 1;
  }
  for (let i = 0; i < left.length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function parseVersion(name: string): [stage: number, major: number, minor: number] | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(name);
  return match ? [stages.indexOf(match[2] ?? ''), Number(match[1]), Number(match[3] ?? 0)] : undefined;
}
