import type { EventRecorder, Informers } from '../../client/index.ts';
import { type KubeObject, keyOf } from '../../machinery/index.ts';
import { ingressClasses, ingresses, secrets, services } from '../pod.ts';
import type { Backends } from '../proxy/backends.ts';
import type { Certificates } from './certificates.ts';
import { isOurs } from './classes.ts';
import type { IngressBackend, IngressSpec } from './routes.ts';

interface Problem {
  reason: string;
  message: string;
}

/** What a manifest brings comes one after the other: this many milliseconds later it is all there. */
const patience = 1_000;

/** Records an Event about an Ingress that names what is not there, once for each thing. @returns the way to stop */
export function watchProblems(options: {
  informers: Informers;
  backends: Backends;
  certificates: Certificates;
  recorder: EventRecorder;
}): () => void {
  const { informers, recorder } = options;
  const informer = informers.for(ingresses);
  const classes = informers.for(ingressClasses);
  const told = new Map<string, Set<string>>();
  let timer: NodeJS.Timeout | undefined;
  let due = new Set<string>();

  function later(keys: Iterable<string>): void {
    for (const key of keys) due.add(key);
    if (due.size > 0) timer ??= setTimeout(() => void look(), patience).unref();
  }

  async function look(): Promise<void> {
    timer = undefined;
    const keys = due;
    due = new Set();
    for (const key of keys) {
      const ingress = informer.get(key);
      if (ingress && isOurs(ingress, classes)) await tell(ingress);
      else told.delete(key);
    }
  }

  async function tell(ingress: KubeObject): Promise<void> {
    const before = told.get(keyOf(ingress));
    const problems = await problemsOf(ingress, options);
    told.set(keyOf(ingress), new Set(problems.map(({ message }) => message)));
    for (const { reason, message } of problems)
      if (!before?.has(message)) recorder.event(ingress, 'Warning', reason, message);
  }

  const inNamespace = ({ metadata }: KubeObject) => later(informer.list(metadata.namespace).map(keyOf));
  const own = (object: KubeObject) => later([keyOf(object)]);
  const stops = [
    informer.addHandler({ upsert: own, remove: own }),
    informers.for(services).addHandler({ upsert: inNamespace, remove: inNamespace }),
    informers.for(secrets, true).addHandler({ upsert: inNamespace, remove: inNamespace }),
  ];
  return () => {
    for (const stop of stops) stop();
    clearTimeout(timer);
  };
}

async function problemsOf(
  ingress: KubeObject,
  { backends, certificates }: { backends: Backends; certificates: Certificates },
): Promise<Problem[]> {
  const spec = (ingress.spec ?? {}) as IngressSpec;
  const { namespace = '' } = ingress.metadata;
  const all = [
    spec.defaultBackend,
    ...(spec.rules ?? []).flatMap(({ http }) => http?.paths ?? []).map((path) => path.backend),
  ];
  const problems = all.flatMap((backend) => backendProblem(namespace, backend, backends) ?? []);
  for (const { secretName } of spec.tls ?? []) {
    const message = secretName ? await certificates.obstacleOf(namespace, secretName) : undefined;
    if (message) problems.push({ reason: 'CertificateNotUsable', message });
  }
  return problems;
}

function backendProblem(
  namespace: string,
  backend: IngressBackend | undefined,
  backends: Backends,
): Problem | undefined {
  if (!backend) return undefined;
  if (!backend.service) {
    return { reason: 'BackendNotSupported', message: 'backends that are not Services are not answered by this node' };
  }
  const { name, port } = backend.service;
  const service = backends.service(namespace, name);
  if (!service) return { reason: 'ServiceNotFound', message: `the Service ${namespace}/${name} does not exist` };
  if (backends.portOf(service, port)) return undefined;
  const wanted = port?.name ?? port?.number;
  return { reason: 'ServicePortNotFound', message: `the Service ${namespace}/${name} has no TCP port ${wanted}` };
}
