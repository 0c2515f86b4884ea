import { readFileSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import type { Client } from '../client/index.ts';
import { isReason, type KubeObject, timestamp } from '../machinery/index.ts';
import type { ImageSource, NodeImage } from './images.ts';
import { leases, nodes } from './pod.ts';
import type { Runtime } from './runtime.ts';

export interface NodeFacts {
  name: string;
  runtime: Runtime;
  images: ImageSource;
  /** Of the Kubernetes API that this node speaks: 'v1.34.0'. */
  version: string;
}

/** The linux runtime's address range holds three more. The kubelet's default, 110, is made for smaller machines. */
const mostPods = { linux: 250, docker: 110, simulated: 10_000 };
const leaseNamespace = 'kube-node-lease';
const leaseSeconds = 40;

/** What this machine has: CPUs, and bytes of memory. */
export function machineCapacity(): { cpu: number; memory: number } {
  return { cpu: cpus().length, memory: totalmem() };
}

/** Creates the Node or takes it over, and writes its status. */
export async function registerNode(client: Client, facts: NodeFacts): Promise<void> {
  const labels = {
    'kubernetes.io/hostname': facts.name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': goArch(),
    'beta.kubernetes.io/os': 'linux',
    'beta.kubernetes.io/arch': goArch(),
    'homeport.dev/runtime': facts.runtime.name,
  };
  const spec = { podCIDR: facts.runtime.podCidr, podCIDRs: [facts.runtime.podCidr] };
  try {
    await client.create<KubeObject>(nodes, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: facts.name, labels },
      spec,
    });
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    // podCIDR cannot be changed once it is set, and nothing depends on it: labels are what must be right.
    await client.patch(nodes, { name: facts.name }, 'merge', { metadata: { labels } });
  }
  const before = await client.get(nodes, { name: facts.name });
  const status = await nodeStatus(facts, before);
  await client.patch(nodes, { name: facts.name }, 'merge', { status }, { subresource: 'status' });
}

async function nodeStatus(facts: NodeFacts, before: KubeObject) {
  const { cpu, memory } = machineCapacity();
  const resources = {
    cpu: String(cpu),
    memory: `${Math.floor(memory / 1024)}Ki`,
    pods: String(mostPods[facts.runtime.name]),
    'ephemeral-storage': '100Gi',
  };
  const images = await facts.images.list();
  return {
    capacity: resources,
    allocatable: resources,
    addresses: [
      { type: 'InternalIP', address: facts.runtime.hostIp },
      { type: 'Hostname', address: facts.name },
    ],
    conditions: conditions(before),
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    nodeInfo: nodeInfo(facts),
    images: imageList(images),
  };
}

/** The largest fifty, as a kubelet tells of them: by digest and by tag. */
function imageList(images: readonly NodeImage[]) {
  const sorted = [...images].sort((a, b) => b.size - a.size).slice(0, 50);
  return sorted.map(({ reference, digest, size }) => {
    const byDigest = `${reference.replace(/[:@][^/]*$/, '')}@${digest}`;
    return { names: [...new Set([byDigest, reference])], sizeBytes: size };
  });
}

/** How long, in milliseconds, images may come and go before the Node tells of it: a pull changes several things. */
const settling = 500;

/** Keeps the Node's list of images as they come and go. Returns the way to stop it. */
export function keepImages(
  client: Client,
  name: string,
  images: ImageSource,
  failed: (error: Error) => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  async function tell(): Promise<void> {
    const status = { images: imageList(await images.list()) };
    await client.patch(nodes, { name }, 'merge', { status }, { subresource: 'status' });
  }
  const stopListening = images.onChange(() => {
    clearTimeout(timer);
    timer = setTimeout(() => void tell().catch(failed), settling);
  });
  return () => {
    clearTimeout(timer);
    stopListening();
  };
}

function conditions(before: KubeObject) {
  const now = timestamp();
  const present = (before.status?.['conditions'] ?? []) as {
    type: string;
    status: string;
    lastTransitionTime: string;
  }[];
  const make = (type: string, status: string, reason: string, message: string) => {
    const same = present.find((condition) => condition.type === type && condition.status === status);
    return {
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: now,
      lastTransitionTime: same?.lastTransitionTime ?? now,
    };
  };
  return [
    make('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    make('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    make('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    make('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
  ];
}

function nodeInfo({ runtime, version }: NodeFacts) {
  return {
    machineID: readId('/etc/machine-id'),
    systemUUID: readId('/etc/machine-id'),
    bootID: readId('/proc/sys/kernel/random/boot_id'),
    kernelVersion: release(),
    osImage: osName(),
    containerRuntimeVersion: `homeport-${runtime.name}://${process.versions.node}`,
    kubeletVersion: version,
    kubeProxyVersion: '',
    operatingSystem: 'linux',
    architecture: goArch(),
  };
}

function readId(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return hostname(); // A machine without an identity of its own is known by its name.
  }
}

function osName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  } catch {
    return process.platform; // Not every system describes itself.
  }
}

function goArch(): string {
  const names: Partial<Record<string, string>> = { x64: 'amd64', ia32: '386' };
  return names[arch()] ?? arch();
}

/** Renews the node's Lease every ten seconds, as the kubelet does. @returns the way to stop */
export function keepLease(client: Client, name: string, failed: (error: Error) => void): () => void {
  let created = false;
  async function renew(): Promise<void> {
    const spec = { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime: microTime() };
    const key = { name, namespace: leaseNamespace };
    try {
      if (!created) await createLease(client, name, spec);
      else await client.patch(leases, key, 'merge', { spec });
      created = true;
    } catch (error) {
      created = false;
      failed(error instanceof Error ? error : new Error(String(error)));
    }
  }
  void renew();
  const timer = setInterval(renew, 10_000);
  return () => clearInterval(timer);
}

async function createLease(client: Client, name: string, spec: Record<string, unknown>): Promise<void> {
  try {
    await client.create<KubeObject>(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: leaseNamespace },
      spec,
    });
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    await client.patch(leases, { name, namespace: leaseNamespace }, 'merge', { spec });
  }
}

const microTime = () => new Date().toISOString().replace('Z', '000Z');
