import { readFileSync } from 'node:fs';
import type { Descriptor, Platform } from './oci.ts';

/** Node's names of architectures in Go's words, which OCI uses. */
const architectures: Partial<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** What runs here: containers are Linux, whatever shows them. */
export function machinePlatform(): Platform {
  const architecture = architectures[process.arch] ?? process.arch;
  const variant = architecture === 'arm' ? armVariant() : architecture === 'arm64' ? 'v8' : undefined;
  return { os: 'linux', architecture, ...(variant ? { variant } : {}) };
}

function armVariant(): string {
  try {
    const version = /^CPU architecture\s*:\s*(\d)/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '7';
    return `v${Math.min(Number(version), 7)}`;
  } catch {
    return 'v7'; // Not Linux: nothing runs here that could be wrong.
  }
}

/**
 * The manifest of an index that runs on a machine: of its system and architecture, with the highest variant that it can run.
 * Entries that are no images (attestations: platform unknown/unknown) fit nowhere.
 */
export function choosePlatform(manifests: readonly Descriptor[], machine: Platform): Descriptor | undefined {
  const fitting = manifests.filter(
    ({ platform }) =>
      platform?.os === machine.os &&
      platform.architecture === machine.architecture &&
      variantNumber(platform) <= variantNumber(machine),
  );
  return fitting.reduce<Descriptor | undefined>(
    (best, each) => (best && variantNumber(best.platform) >= variantNumber(each.platform) ? best : each),
    undefined,
  );
}

/** 'v7' → 7. An arm without one is v7, an arm64 v8, an amd64 v1 (containerd's normalization). */
function variantNumber(platform: Partial<Platform> | undefined): number {
  const stated = /^v?(\d+)$/.exec(platform?.variant ?? '')?.[1];
  if (stated !== undefined) return Number(stated);
  return { arm: 7, arm64: 8 }[platform?.architecture ?? ''] ?? 1;
}

export const platformText = ({ os, architecture, variant }: Platform) =>
  [os, architecture, variant].filter(Boolean).join('/');
