import type { LabelSelector } from '../../../machinery/index.ts';
import type { Plugin } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import type { Storage } from '../storage.ts';
import { dynamicResources } from './dynamic-resources.ts';
import { imageLocality } from './image-locality.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodePorts } from './node-ports.ts';
import { balancedAllocation, nodeResourcesFit } from './node-resources.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { podTopologySpread } from './pod-topology-spread.ts';
import { taintToleration } from './taint-toleration.ts';
import { volumeBinding, volumeRestrictions, volumeZone } from './volume-binding.ts';

/** kube-scheduler's default plugins, in its order: a node's first refusal is the one that is told. */
export function defaultPlugins(selectorFor: (pod: PodInfo) => LabelSelector | undefined, storage: Storage): Plugin[] {
  return [
    nodeUnschedulable,
    taintToleration,
    nodeAffinity,
    nodePorts,
    nodeResourcesFit,
    volumeRestrictions(storage),
    volumeBinding(storage),
    volumeZone(storage),
    podTopologySpread(selectorFor),
    interPodAffinity,
    dynamicResources,
    balancedAllocation,
    imageLocality,
  ];
}
