import { type Fields, isFields, type KubeObject } from '../machinery/index.ts';
import { type Examine, type Fault, rank } from './fault.ts';
import { listAt, numberAt, textAt, valueAt } from './status.ts';
import type { ObjectSource } from './types.ts';

/** True when every label that a selector asks for is there. */
export function selects(selector: Fields, labels: unknown): boolean {
  return Object.entries(selector).every(([key, value]) => isFields(labels) && labels[key] === value);
}

export function selectorOf(service: KubeObject): Fields | undefined {
  const selector = valueAt(service.spec, ['selector']);
  return isFields(selector) && Object.keys(selector).length > 0 ? selector : undefined;
}

/** Kinds whose pods a Service may be for: while one of them matches, missing pods are that one's concern. */
const podMakers = [
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'StatefulSet'],
  ['apps/v1', 'DaemonSet'],
] as const;

/** A Service whose selector no pod can ever match, or that sends to a named port which no container has. */
export const examineService: Examine = async (service, source) => {
  const selector = selectorOf(service);
  if (selector === undefined || textAt(service.spec, ['type']) === 'ExternalName') return { faults: [] };
  const pods = await source.list('v1', 'Pod', service.metadata.namespace);
  const matching = pods.filter((pod) => selects(selector, pod.metadata.labels));
  if (matching.length > 0) return { faults: portFaults(service, matching) };
  if (await hasMaker(service, selector, source)) return { faults: [], waiting: 'waiting for its pods' };
  const text = Object.entries(selector).map(([key, value]) => `${key}=${String(value)}`);
  return {
    faults: [
      reference(service, `service ${service.metadata.name} selects no pods (${text.join(', ')})`, ['spec', 'selector']),
    ],
  };
};

async function hasMaker(service: KubeObject, selector: Fields, source: ObjectSource): Promise<boolean> {
  for (const [apiVersion, kind] of podMakers) {
    const makers = await source.list(apiVersion, kind, service.metadata.namespace);
    if (makers.some((maker) => selects(selector, valueAt(maker.spec, ['template', 'metadata', 'labels'])))) return true;
  }
  return false;
}

function portFaults(service: KubeObject, pods: readonly KubeObject[]): Fault[] {
  const names = new Set(
    pods
      .flatMap((pod) => listAt(pod.spec, ['containers']).flatMap((container) => listAt(container, ['ports'])))
      .map((port) => port['name']),
  );
  return listAt(service.spec, ['ports']).flatMap((port, i) => {
    const target = port['targetPort'];
    if (typeof target !== 'string' || names.has(target)) return [];
    const problem = `service ${service.metadata.name} sends to port "${target}", which no container of its pods has`;
    return [reference(service, problem, ['spec', 'ports', String(i), 'targetPort'])];
  });
}

function reference(at: KubeObject, problem: string, path: string[]): Fault {
  const remedy = (field: string | undefined) => (field === undefined ? undefined : `change ${field}`);
  const since = at.metadata.creationTimestamp;
  return { at, rank: rank.reference, problem, remedy, path, fixer: 'developer', since };
}

interface Backend {
  service: string;
  port: Fields;
  path: string[];
}

/** The Services that an Ingress sends to, and where it names them. */
export function backendsOf(ingress: KubeObject): Backend[] {
  const backends: Backend[] = [];
  const add = (backend: unknown, path: string[]) => {
    const service = textAt(backend, ['service', 'name']);
    const port = valueAt(backend, ['service', 'port']);
    if (service !== undefined) backends.push({ service, port: isFields(port) ? port : {}, path: [...path, 'service'] });
  };
  add(valueAt(ingress.spec, ['defaultBackend']), ['spec', 'defaultBackend']);
  listAt(ingress.spec, ['rules']).forEach((rule, i) => {
    listAt(rule, ['http', 'paths']).forEach((path, j) => {
      add(path['backend'], ['spec', 'rules', String(i), 'http', 'paths', String(j), 'backend']);
    });
  });
  return backends;
}

/** An Ingress that sends to a Service or a port which is not there. */
export const examineIngress: Examine = async (ingress, source) => {
  const faults: Fault[] = [];
  for (const { service: name, port, path } of backendsOf(ingress)) {
    const service = await source.get('v1', 'Service', { name, ...namespaceOf(ingress) });
    if (service === undefined) {
      const problem = `ingress ${ingress.metadata.name} sends to service ${name}, which does not exist`;
      faults.push(reference(ingress, problem, [...path, 'name']));
      continue;
    }
    const ports = listAt(service.spec, ['ports']);
    const number = numberAt(port, ['number']);
    const portName = textAt(port, ['name']);
    const found = ports.some((own) => (portName === undefined ? own['port'] === number : own['name'] === portName));
    if (found) continue;
    const problem = `ingress ${ingress.metadata.name} sends to port ${portName ?? number} of service ${name}, which it does not have`;
    faults.push(reference(ingress, problem, [...path, 'port', portName === undefined ? 'number' : 'name']));
  }
  return { faults };
};

export function namespaceOf(object: KubeObject): { namespace?: string } {
  return object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace };
}
