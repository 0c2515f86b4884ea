import { type KubeObject, timestamp } from '../../machinery/index.ts';
import { leases } from '../pod.ts';

/** Set on simulated nodes, and on nothing else. */
export const simulatedLabel = 'homeport.dev/simulated';

/** More do not fit into the range of addresses that their pods take. */
export const mostSimulatedNodes = 10_000;

const zones = ['zone-a', 'zone-b', 'zone-c'];
const resources = { cpu: '32', memory: '256Gi', 'ephemeral-storage': '1Ti', pods: '110' };

/** The lease of a simulated node counts for so long (in seconds): a thousand of them are not to write every ten seconds. */
export const leaseSeconds = 3600;

/** 'simulated-7' */
export const nodeNameOf = (index: number): string => `simulated-${index}`;

/** The number in the name of a simulated node, or undefined. */
export function indexOf(name: string): number | undefined {
  const found = /^simulated-([1-9]\d{0,5})$/.exec(name)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** The first three numbers of the addresses of a node and of its pods: '10.192.7' (10.192.0.0 to 10.231.255.255). */
export function prefixOf(index: number): string {
  return `10.${192 + (index >> 8)}.${index & 255}`;
}

/** The Node object of the n-th simulated node, from 1: ready, in one of three zones. */
export function simulatedNode(index: number, version: string): KubeObject {
  const name = nodeNameOf(index);
  const podCIDR = `${prefixOf(index)}.0/24`;
  const labels = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'node.kubernetes.io/instance-type': 'simulated',
    'topology.kubernetes.io/region': 'simulated',
    'topology.kubernetes.io/zone': zones[index % zones.length] ?? '',
    'homeport.dev/runtime': 'simulated',
    [simulatedLabel]: 'true',
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: { podCIDR, podCIDRs: [podCIDR] },
    status: simulatedStatus(index, version),
  };
}

export function simulatedStatus(index: number, version: string) {
  return {
    capacity: resources,
    allocatable: resources,
    addresses: [
      { type: 'InternalIP', address: `${prefixOf(index)}.1` },
      { type: 'Hostname', address: nodeNameOf(index) },
    ],
    conditions: conditions(),
    nodeInfo: {
      ...{ machineID: nodeNameOf(index), systemUUID: nodeNameOf(index), bootID: nodeNameOf(index) },
      ...{ kernelVersion: '', osImage: 'simulated', containerRuntimeVersion: 'homeport-simulated://1' },
      ...{ kubeletVersion: version, kubeProxyVersion: '', operatingSystem: 'linux', architecture: 'amd64' },
    },
  };
}

function conditions() {
  const now = timestamp();
  const make = (type: string, status: string, reason: string, message: string) => ({
    ...{ type, status, reason, message },
    ...{ lastHeartbeatTime: now, lastTransitionTime: now },
  });
  return [
    make('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    make('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    make('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    make('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
  ];
}

export function simulatedLease(index: number): KubeObject {
  const name = nodeNameOf(index);
  return {
    apiVersion: leases.group === '' ? leases.version : `${leases.group}/${leases.version}`,
    kind: leases.kind,
    metadata: { name, namespace: 'kube-node-lease' },
    spec: {
      holderIdentity: name,
      leaseDurationSeconds: leaseSeconds,
      renewTime: new Date().toISOString().replace('Z', '000Z'),
    },
  };
}
