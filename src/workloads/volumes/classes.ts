import type { Informer } from '../../client/index.ts';
import { compareText } from '../../machinery/index.ts';
import { annotationOf, annotations, type Claim, classOfClaim, type StorageClass } from './types.ts';

export function isDefaultClass(storageClass: StorageClass): boolean {
  return [annotations.defaultClass, annotations.betaDefaultClass].some(
    (name) => annotationOf(storageClass, name) === 'true',
  );
}

/** The class of claims that do not say: of several defaults the newest, and among those the first by name. */
export function defaultClass(classes: Informer): StorageClass | undefined {
  const created = ({ metadata }: StorageClass) => metadata.creationTimestamp ?? '';
  return (classes.list() as StorageClass[])
    .filter(isDefaultClass)
    .sort((a, b) => compareText(created(b), created(a)) || compareText(a.metadata.name, b.metadata.name))[0];
}

/** Whether a claim's class leaves it to the scheduler where its volume is to be. */
export function waitsForConsumer(claim: Claim, classes: Informer): boolean {
  const storageClass = classes.get(classOfClaim(claim) ?? '') as StorageClass | undefined;
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}
