import type { KubeObject } from '../../machinery/index.ts';
import { AGE, ageOf, column, NAME, table } from './table.ts';

export const namedPrinter = table([NAME, AGE], (object, now) => [object.metadata.name, ageOf(object, now)]);

export const resourceClaimPrinter = table<KubeObject<object, { allocation?: object; reservedFor?: object[] }>>(
  [NAME, column('State', 'Whether devices are allocated, and used.'), AGE],
  (claim, now) => [claim.metadata.name, claimState(claim), ageOf(claim, now)],
);

function claimState({ metadata, status }: KubeObject<object, { allocation?: object; reservedFor?: object[] }>): string {
  const states = metadata.deletionTimestamp ? ['deleted'] : [];
  if (status?.allocation) states.push('allocated', ...(status.reservedFor?.length ? ['reserved'] : []));
  else if (states.length === 0) states.push('pending');
  return states.join(',');
}

export const resourceSlicePrinter = table<KubeObject<{ nodeName?: string; driver?: string; pool?: { name?: string } }>>(
  [
    NAME,
    column('Node', 'Node that has the devices.'),
    column('Driver', 'Driver of the devices.'),
    column('Pool', 'Pool that they belong to.'),
    AGE,
  ],
  (slice, now) => [
    slice.metadata.name,
    slice.spec?.nodeName ?? '',
    slice.spec?.driver ?? '',
    slice.spec?.pool?.name ?? '',
    ageOf(slice, now),
  ],
);
