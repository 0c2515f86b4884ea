import { type Fields, parseQuantity } from '../../../machinery/index.ts';
import { objectAt, objectsAt } from '../fields.ts';

export type QosClass = 'BestEffort' | 'Burstable' | 'Guaranteed';

/** The quality of service of a pod (core/v1 helper/qos): by its own requests and limits, or those of its containers. */
export function qosClassOf(spec: Fields): QosClass {
  const own = objectAt(spec, 'resources');
  const containers = [...objectsAt(spec, 'containers'), ...objectsAt(spec, 'initContainers')];
  const all = own ? [own] : containers.map((container) => objectAt(container, 'resources'));
  let anything = false;
  let guaranteed = true;
  for (const resources of all) {
    for (const name of ['cpu', 'memory']) {
      const request = amount(objectAt(resources, 'requests'), name);
      const limit = amount(objectAt(resources, 'limits'), name);
      if (request > 0n || limit > 0n) anything = true;
      if (limit === 0n || request !== limit) guaranteed = false;
    }
  }
  if (!anything) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function amount(amounts: Fields | undefined, name: string): bigint {
  const value = amounts?.[name];
  return value === undefined ? 0n : parseQuantity(String(value)).nanos;
}
