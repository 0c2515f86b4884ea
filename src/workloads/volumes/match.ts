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
export function bestMatch(claim: Claim, candidates: Iterable<Volume>, waits: boolean): Volume | undefined {
  const { accessModes = [], resources, selector: selects } = claim.spec ?? {};
  const requested = sizeOf(resources?.requests);
  const selector = selects && labelSelectorOf(selects);
  const fits = (volume: Volume): boolean =>
    hasModes(volume, accessModes) &&
    compareQuantity(sizeOf(volume.spec?.capacity), requested) >= 0 &&
    modeOf(volume) === modeOf(claim) &&
    sameAttributes(volume, claim) &&
    !volume.metadata.deletionTimestamp;
  const isFree = (volume: Volume): boolean =>
    !waits &&
    !volume.spec?.claimRef &&
    volume.status?.phase === 'Available' &&
    (!selector || selector.matches(volume.metadata.labels)) &&
    classOfVolume(volume) === (classOfClaim(claim) ?? '');
  let best: Volume | undefined;
  for (const volume of candidates) {
    if (!(isBoundTo(volume, claim) || isFree(volume)) || !fits(volume)) continue;
    if (!best || inOrder(volume, best, claim) < 0) best = volume;
  }
  return best;
}

/** Among equals by name, so that the choice does not depend on chance. */
function inOrder(a: Volume, b: Volume, claim: Claim): number {
  const modes = ({ spec }: Volume) => new Set(spec?.accessModes).size;
  return (
    modes(a) - modes(b) ||
    Number(isBoundTo(b, claim)) - Number(isBoundTo(a, claim)) ||
    compareQuantity(sizeOf(a.spec?.capacity), sizeOf(b.spec?.capacity)) ||
    compareText(a.metadata.name, b.metadata.name)
  );
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

/** Of amounts that stay as they are while they are looked at again and again. */
const sizes = new WeakMap<Amounts, Quantity>();
const nothing = parseQuantity(0);

/** What amounts say about storage; nothing counts as zero. */
export function sizeOf(amounts: Amounts | undefined): Quantity {
  if (!amounts) return nothing;
  const known = sizes.get(amounts);
  if (known) return known;
  const size = parseQuantity(amounts['storage'] ?? 0);
  sizes.set(amounts, size);
  return size;
}

/** A number of bytes as a quantity, in powers of two where that is exact: '1Gi'. */
export function bytesText(bytes: number): string {
  return formatQuantity({ ...parseQuantity(bytes), format: 'BinarySI' });
}
