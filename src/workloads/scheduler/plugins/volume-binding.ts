import { keyOf } from '../../../machinery/index.ts';
import type { NodeInfo } from '../node-info.ts';
import { type Plugin, type Refusal, refusal } from '../plugin.ts';
import { isBound, isReachable, type Storage } from '../storage.ts';

const name = 'VolumeBinding';
const immediate = refusal(name, 'pod has unbound immediate PersistentVolumeClaims', { final: true });

const reasons = {
  unreachable: "node(s) didn't match PersistentVolume's node affinity",
  unbindable: "node(s) didn't find available persistent volumes to bind",
  lost: 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
};

/** The pod's claims have volumes that can be used on the node, or can get some there. */
export function volumeBinding(storage: Storage): Plugin {
  return {
    name,
    judge(pod) {
      if (pod.claims.length === 0) return undefined;
      const { claims, missing } = storage.claimsOf(pod);
      if (missing) return { refusal: refusal(name, missing, { final: true }) };
      const bound = claims.filter(isBound);
      const waiting = claims.filter((claim) => !isBound(claim));
      if (!waiting.every(storage.waitsForConsumer)) return { refusal: immediate };
      const volumes = bound.map(storage.volumeOf);
      return {
        filter(node) {
          const found: string[] = [];
          if (volumes.some((volume) => volume && !isReachable(volume, node))) found.push(reasons.unreachable);
          if (waiting.length > 0 && !storage.plan(waiting, node)) found.push(reasons.unbindable);
          if (volumes.includes(undefined)) found.push(reasons.lost);
          return found.length === 0 ? undefined : refusalFor(found);
        },
      };
    },
    helps: {
      node: () => true,
      claim: () => true,
      storage: (_, pod) =>
        storage.claimsOf(pod).claims.some((claim) => !isBound(claim) && storage.waitsForConsumer(claim)),
    },
  };
}

/** The volumes that the pod's claims are bound to are in the zone of the node. */
export function volumeZone(storage: Storage): Plugin {
  const elsewhere = refusal('VolumeZone', 'node(s) had no available volume zone', { final: true });
  return {
    name: 'VolumeZone',
    judge(pod) {
      if (pod.claims.length === 0) return undefined;
      const volumes = storage.claimsOf(pod).claims.map(storage.volumeOf);
      const wanted = volumes.flatMap((volume) =>
        topologyLabels.flatMap((key) => {
          const value = volume?.metadata.labels?.[key];
          return value === undefined ? [] : [{ key, values: value.split('__') }];
        }),
      );
      if (wanted.length === 0) return undefined;
      return {
        filter({ labels }) {
          if (!topologyLabels.some((key) => labels[key] !== undefined)) return undefined;
          const fits = wanted.every(({ key, values }) => values.includes(labels[key] ?? labels[today(key)] ?? ''));
          return fits ? undefined : elsewhere;
        },
      };
    },
    helps: { node: () => true, storage: () => true },
  };
}

/** A claim that is for one pod only is not in use by another. */
export function volumeRestrictions(storage: Storage): Plugin {
  const inUse = refusal(
    'VolumeRestrictions',
    'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
    { final: false },
  );
  return {
    name: 'VolumeRestrictions',
    judge(pod, cluster) {
      if (pod.claims.length === 0) return undefined;
      const exclusive = storage.claimsOf(pod).claims.filter(({ spec }) => spec?.accessModes?.includes(onePod));
      if (exclusive.length === 0) return undefined;
      const keys = exclusive.map(keyOf);
      const holds = ({ pods }: NodeInfo): boolean =>
        pods.values().some(({ claims }) => claims.some((key) => keys.includes(key)));
      // The claim is in use wherever its user is. The nodes are looked through once, but not if pods are only thought away.
      const holders = cluster.nodes.filter(holds);
      return { filter: () => (holders.some(holds) ? inUse : undefined) };
    },
    helps: { pod: ({ before, after }) => before !== undefined && after === undefined },
  };
}

const onePod = 'ReadWriteOncePod';

const topologyLabels = [
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
];

/** What a label of old is called now. */
const today = (label: string): string => label.replace('failure-domain.beta.kubernetes.io', 'topology.kubernetes.io');

const refusals = new Map<string, Refusal>();

function refusalFor(found: string[]): Refusal {
  const id = found.join();
  let made = refusals.get(id);
  if (!made) {
    made = { plugin: name, reasons: found, final: true };
    refusals.set(id, made);
  }
  return made;
}
