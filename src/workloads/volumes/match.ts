import {
  compareQuantity,
  compareText,
  formatQuantity,
  labelSelectorOf,
  parseQuantity,
  type Quantity,
} from '../../machinery/index.ts';
import { type Amounts, type Claim, classOfClaim, classOfVolume, isBoundTo, modeOf, type Volume } from './types.ts';

/**
 * The volume for a claim among candidates, or undefined. Those with the fewest access modes beyond those asked for come
 * first; among these, one that is reserved for the claim, then the smallest that is big enough.
 * @param waits its class wants the scheduler to choose: only a reserved volume will do.
 */
export function bestMatch(claim: Claim, candidates: readonly Volume[], waits: boolean): Volume | undefined {
  const wanted = claim.spec?.accessModes ?? [];
  const groups = Map.groupBy(
    candidates.filter((volume) => hasModes(volume, wanted)),
    (volume) => new Set(volume.spec?.accessModes).size,
  );
  for (const size of [...groups.keys()].sort((a, b) => a - b)) {
    const found = bestOf(claim, groups.get(size) ?? [], waits);
    if (found) return found;
  }
  return undefined;
}

function bestOf(claim: Claim, candidates: readonly Volume[], waits: boolean): Volume | undefined {
  const requested = sizeOf(claim.spec?.resources?.requests);
  const selector = claim.spec?.selector && labelSelectorOf(claim.spec.selector);
  const able = candidates.filter(
    (volume) =>
      (!volume.spec?.claimRef || isBoundTo(volume, claim)) &&
      compareQuantity(sizeOf(volume.spec?.capacity), requested) >= 0 &&
      modeOf(volume) === modeOf(claim) &&
      sameAttributes(volume, claim) &&
      !volume.metadata.deletionTimestamp,
  );
  const reserved = able.find((volume) => isBoundTo(volume, claim));
  if (reserved || waits) return reserved;
  const available = able.filter(
    (volume) =>
      volume.status?.phase === 'Available' &&
      (!selector || selector.matches(volume.metadata.labels)) &&
      classOfVolume(volume) === (classOfClaim(claim) ?? ''),
  );
  return available.sort(smallestFirst)[0];
}

/** By size, and among equals by name, so that the choice does not depend on chance. */
function smallestFirst(a: Volume, b: Volume): number {
  const bySize = compareQuantity(sizeOf(a.spec?.capacity), sizeOf(b.spec?.capacity));
  return bySize || compareText(a.metadata.name, b.metadata.name);
}

/** Why a volume that a claim names cannot be bound to it, in the reference's words. */
export function mismatch(volume: Volume, claim: Claim): string | undefined {
  if (volume.metadata.deletionTimestamp) return `the volume is marked for deletion "${volume.metadata.name}"`;
  if (compareQuantity(sizeOf(volume.spec?.capacity), sizeOf(claim.spec?.resources?.requests)) < 0)
    return 'requested PV is too small';
  if (classOfVolume(volume) !== (classOfClaim(claim) ?? '')) return 'storageClassName does not match';
  if (!sameAttributes(volume, claim)) return 'volumeAttributesClassName does not match';
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode';
  if (!hasModes(volume, claim.spec?.accessModes ?? [])) return 'incompatible accessMode';
  return undefined;
}

function hasModes({ spec }: Volume, wanted: readonly string[]): boolean {
  return wanted.every((mode) => spec?.accessModes?.includes(mode));
}

const sameAttributes = ({ spec: volume }: Volume, { spec: claim }: Claim): boolean =>
  (volume?.volumeAttributesClassName ?? '') === (claim?.volumeAttributesClassName ?? '');

/** What amounts say about storage; nothing counts as zero. */
export function sizeOf(amounts: Amounts | undefined): Quantity {
  return parseQuantity(amounts?.['storage'] ?? 0);
}

/** A number of bytes as a quantity, in powers of two where that is exact: '1Gi'. */
export function bytesText(bytes: number): string {
  return formatQuantity({ ...parseQuantity(bytes), format: 'BinarySI' });
}
