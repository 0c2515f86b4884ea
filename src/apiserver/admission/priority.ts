import { forbidden, invalid, invalidValue, type KubeObject } from '../../machinery/index.ts';
import type { Store } from '../store/store.ts';
import { type AdmissionPlugin, isNewPod, nameInRefusal } from './request.ts';

const PRIORITY_CLASSES = { group: 'scheduling.k8s.io', resource: 'priorityclasses' };
const PODS = { group: '', resource: 'pods' };

export function priority(store: Store): AdmissionPlugin {
  return {
    name: 'Priority',
    mutate(request) {
      if (isNewPod(request)) assignPriority(store, request.object);
    },
  };
}

/** Works out spec.priority and spec.preemptionPolicy from the pod's priority class, or from the default one, in place. */
function assignPriority(store: Store, pod: KubeObject): void {
  const spec = pod.spec ?? {};
  const wanted = spec['priorityClassName'];
  const found = typeof wanted === 'string' && wanted !== '' ? named(store, pod, wanted) : globalDefault(store);
  const priority = Number(found?.['value'] ?? 0);
  const policy = String(found?.['preemptionPolicy'] ?? 'PreemptLowerPriority');
  if (spec['priority'] !== undefined && spec['priority'] !== priority) {
    const message = `the integer value of priority (${spec['priority']}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`;
    throw forbidden(PODS, nameInRefusal(pod), message);
  }
  if (spec['preemptionPolicy'] !== undefined && spec['preemptionPolicy'] !== policy) {
    const detail = `the string value of PreemptionPolicy must match that of the PriorityClass (${policy})`;
    throw invalid({ group: '', kind: 'Pod' }, pod.metadata.name, [
      invalidValue('spec.preemptionPolicy', spec['preemptionPolicy'], detail),
    ]);
  }
  if (found && !wanted) spec['priorityClassName'] = found.metadata.name;
  spec['priority'] = priority;
  spec['preemptionPolicy'] = policy;
}

function named(store: Store, pod: KubeObject, name: string): KubeObject {
  const entry = store.latest(PRIORITY_CLASSES, { namespace: '', name });
  if (!entry) throw forbidden(PODS, nameInRefusal(pod), `no PriorityClass with name ${name} was found`);
  return entry.object;
}

function globalDefault(store: Store): KubeObject | undefined {
  for (const entry of store.cache(PRIORITY_CLASSES).entries.from('')) {
    if (entry.object['globalDefault'] === true) return entry.object;
  }
  return undefined;
}
