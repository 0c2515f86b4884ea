import { equalJson, type Fields, forbidden, type KubeObject } from '../../machinery/index.ts';
import type { Store } from '../store/store.ts';
import { type AdmissionPlugin, type AdmissionRequest, isNewPod, nameInRefusal } from './request.ts';

const RUNTIME_CLASSES = { group: 'node.k8s.io', resource: 'runtimeclasses' };

/** Gives pods what their RuntimeClass costs, and where it can run them. */
export function runtimeClass(store: Store): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    mutate(request) {
      if (!isNewPod(request)) return;
      const found = runtimeClassOf(store, request);
      if (!found) return;
      setOverhead(request, found);
      setScheduling(request, found);
    },
    validate(request) {
      if (!isNewPod(request)) return;
      const overhead = request.object.spec?.['overhead'];
      const wanted = overheadOf(runtimeClassOf(store, request));
      if (wanted === undefined && overhead !== undefined) {
        refuse(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
      }
      if (wanted !== undefined && !equalJson(wanted, overhead)) refuse(request, MISMATCH);
    },
  };
}

const MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

function refuse({ registration, name, object }: AdmissionRequest, why: string): never {
  throw forbidden(registration.served, nameInRefusal(object, name), why);
}

function runtimeClassOf(store: Store, request: AdmissionRequest): KubeObject | undefined {
  const name = request.object.spec?.['runtimeClassName'];
  if (typeof name !== 'string') return undefined;
  const found = store.latest(RUNTIME_CLASSES, { namespace: '', name })?.object;
  return found ?? refuse(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
}

function overheadOf(runtimeClass: KubeObject | undefined): unknown {
  return (runtimeClass?.['overhead'] as Fields | undefined)?.['podFixed'];
}

function setOverhead(request: AdmissionRequest, runtimeClass: KubeObject): void {
  const wanted = overheadOf(runtimeClass);
  const spec = request.object.spec;
  if (wanted === undefined || !spec) return;
  if (spec['overhead'] !== undefined && !equalJson(spec['overhead'], wanted)) refuse(request, MISMATCH);
  spec['overhead'] = structuredClone(wanted);
}

function setScheduling(request: AdmissionRequest, runtimeClass: KubeObject): void {
  const scheduling = runtimeClass['scheduling'] as Fields | undefined;
  const spec = request.object.spec;
  if (!scheduling || !spec) return;
  const selector = { ...(spec['nodeSelector'] as Record<string, string> | undefined) };
  for (const [key, value] of Object.entries((scheduling['nodeSelector'] as Record<string, string>) ?? {})) {
    const own = selector[key];
    if (own !== undefined && own !== value) {
      const why = `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`;
      refuse(request, why);
    }
    selector[key] = value;
  }
  if (Object.keys(selector).length > 0) spec['nodeSelector'] = selector;
  const own = (spec['tolerations'] as Fields[] | undefined) ?? [];
  const more = (scheduling['tolerations'] as Fields[] | undefined) ?? [];
  const added = more.filter((toleration) => !own.some((other) => equalJson(other, toleration)));
  if (added.length > 0) spec['tolerations'] = [...own, ...structuredClone(added)];
}
