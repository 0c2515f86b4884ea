import type { Client, Informer } from '../../client/index.ts';
import { keyOf } from '../../machinery/index.ts';
import { persistentVolumeClaims, persistentVolumes } from '../resources.ts';
import type { NodeSelectorTerm, PodVolume } from '../types.ts';
import { bestMatch } from '../volumes/match.ts';
import {
  annotationOf,
  annotations,
  type Claim,
  classOfClaim,
  classOfVolume,
  isBoundTo,
  type StorageClass,
  type Volume,
} from '../volumes/types.ts';
import { referenceTo } from '../volumes/writes.ts';
import { matchesTerm } from './affinity.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

export interface StorageSources {
  claims: Informer;
  volumes: Informer;
  classes: Informer;
}

/** What has to be done about a pod's claims before the pod can be bound to a node. */
export interface StoragePlan {
  /** Volumes that are there, for claims that are to have them. */
  readonly bindings: readonly { readonly claim: Claim; readonly volume: Volume }[];
  /** Claims that a volume is to be made for, where the node is. */
  readonly provisions: readonly Claim[];
}

/** Claims and volumes, with what was decided about them and the API does not say yet. */
export interface Storage {
  /** Told of every change of a claim, once the informer has it. */
  claimChanged(key: string): void;
  /** The claims of a pod in order; `missing` is the reason why one of them is of no use, in kube-scheduler's words. */
  claimsOf(pod: PodInfo): { claims: Claim[]; missing?: string };
  volumeOf(claim: Claim): Volume | undefined;
  waitsForConsumer(claim: Claim): boolean;
  /** How claims that wait for a consumer get their volumes on a node; undefined if they cannot. */
  plan(claims: readonly Claim[], node: NodeInfo): StoragePlan | undefined;
  /** Does what the plan says and waits until the claims are bound. Throws Error if that comes to nothing. */
  carryOut(plan: StoragePlan, node: string, signal: AbortSignal): Promise<void>;
}

type Listener = (key: string) => void;

/** Milliseconds that the volumes of a pod may take to be bound (bindTimeoutSeconds). */
const bindTimeout = 600_000;
const noProvisioner = 'kubernetes.io/no-provisioner';

export const isBound = (claim: Claim): boolean =>
  claim.spec?.volumeName !== undefined && annotationOf(claim, annotations.bindCompleted) !== undefined;

export function createStorage(client: Client, { claims, volumes, classes }: StorageSources): Storage {
  /** The claims that volumes are promised to, by the volume's name. */
  const promised = new Map<string, Claim>();
  /** Who waits for claims, by the claim's key. */
  const listeners = new Map<string, Set<Listener>>();

  const classOf = (claim: Claim) => classes.get(classOfClaim(claim) ?? '') as StorageClass | undefined;

  function match(claim: Claim, node: NodeInfo, taken: ReadonlySet<string>): Volume | undefined {
    const wanted = classOfClaim(claim) ?? '';
    const candidates = (volumes.list() as Volume[]).filter(
      (volume) =>
        !taken.has(volume.metadata.name) &&
        (promised.get(volume.metadata.name)?.metadata.uid ?? claim.metadata.uid) === claim.metadata.uid &&
        (classOfVolume(volume) === wanted || isBoundTo(volume, claim)) &&
        isReachable(volume, node),
    );
    return bestMatch(claim, candidates, false);
  }

  /** Waits until all claims of a plan are bound. */
  async function settled({ bindings, provisions }: StoragePlan, node: string, signal: AbortSignal): Promise<void> {
    const left = new Map([...bindings.map(({ claim }) => claim), ...provisions].map((claim) => [keyOf(claim), claim]));
    const keys = [...left.keys()];
    const chosen = new Set<string>();
    const done = Promise.withResolvers<void>();
    const look = (key: string): void => {
      const known = left.get(key);
      const claim = claims.get(key) as Claim | undefined;
      if (!known) return;
      if (!claim || claim.metadata.uid !== known.metadata.uid) {
        done.reject(new Error(`persistentvolumeclaim "${known.metadata.name}" not found`));
      } else if (isBound(claim)) {
        left.delete(key);
        if (left.size === 0) done.resolve();
      } else if (annotationOf(claim, annotations.selectedNode) === node) chosen.add(key);
      // Whoever makes volumes takes the node away again when it cannot make one there.
      else if (chosen.has(key)) done.reject(new Error(`provisioning failed for PVC "${known.metadata.name}"`));
    };
    const abort = () => done.reject(new Error('pod does not exist any more'));
    const timer = setTimeout(() => done.reject(new Error('context deadline exceeded')), bindTimeout);
    signal.addEventListener('abort', abort);
    for (const key of keys) listen(key, look);
    try {
      for (const key of keys) look(key);
      await done.promise;
    } finally {
      for (const key of keys) unlisten(key, look);
      signal.removeEventListener('abort', abort);
      clearTimeout(timer);
    }
  }

  function listen(key: string, listener: Listener): void {
    const all = listeners.get(key) ?? new Set();
    listeners.set(key, all.add(listener));
  }

  function unlisten(key: string, listener: Listener): void {
    if (listeners.get(key)?.delete(listener) && listeners.get(key)?.size === 0) listeners.delete(key);
  }

  return {
    claimChanged(key) {
      for (const listener of [...(listeners.get(key) ?? [])]) listener(key);
    },
    claimsOf(pod) {
      const found: Claim[] = [];
      for (const volume of pod.pod.spec?.volumes ?? []) {
        const name = claimName(volume, pod);
        if (name === undefined) continue;
        const claim = claims.get(`${pod.namespace}/${name}`) as Claim | undefined;
        const missing = uselessness(claim, name, volume, pod);
        if (missing) return { claims: found, missing };
        if (claim) found.push(claim);
      }
      return { claims: found };
    },
    volumeOf: ({ spec }) => volumes.get(spec?.volumeName ?? '') as Volume | undefined,
    waitsForConsumer: (claim) =>
      !claim.spec?.volumeName && classOf(claim)?.volumeBindingMode === 'WaitForFirstConsumer',
    plan(wanted, node) {
      const bindings: { claim: Claim; volume: Volume }[] = [];
      const provisions: Claim[] = [];
      const taken = new Set<string>();
      for (const claim of wanted) {
        const selected = annotationOf(claim, annotations.selectedNode);
        if (selected !== undefined && selected !== node.name) return undefined;
        const volume = selected === undefined ? match(claim, node, taken) : undefined;
        if (volume) {
          taken.add(volume.metadata.name);
          bindings.push({ claim, volume });
        } else if (canProvision(classOf(claim), node)) provisions.push(claim);
        else return undefined;
      }
      return { bindings, provisions };
    },
    async carryOut(plan, node, signal) {
      const names = plan.bindings.map(({ volume }) => volume.metadata.name);
      for (const { claim, volume } of plan.bindings) promised.set(volume.metadata.name, claim);
      try {
        await Promise.all([
          ...plan.bindings.map(({ claim, volume }) => reserve(client, volume, claim)),
          ...plan.provisions.map((claim) => select(client, claim, node)),
        ]);
        await settled(plan, node, signal);
      } finally {
        for (const name of names) promised.delete(name);
      }
    },
  };
}

/** The claim's name, or undefined for a volume of another kind. An ephemeral volume's claim is named after pod and volume. */
function claimName(volume: PodVolume, { pod }: PodInfo): string | undefined {
  return volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : volume.persistentVolumeClaim?.claimName;
}

function uselessness(claim: Claim | undefined, name: string, volume: PodVolume, pod: PodInfo): string | undefined {
  if (!claim) {
    return volume.ephemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : `persistentvolumeclaim "${name}" not found`;
  }
  if (claim.status?.phase === 'Lost') {
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ''}"`;
  }
  if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
  const isOwn = !volume.ephemeral || claim.metadata.ownerReferences?.some(({ uid }) => uid === pod.uid);
  return isOwn ? undefined : `PVC ${keyOf(claim)} was not created for pod ${pod.key} (pod is not owner)`;
}

/** Whether a volume can be used on a node, by its own node affinity. */
export function isReachable({ spec }: Volume, node: NodeInfo): boolean {
  const required = spec?.nodeAffinity?.['required'] as { nodeSelectorTerms?: NodeSelectorTerm[] } | undefined;
  return !required || (required.nodeSelectorTerms ?? []).some((term) => matchesTerm(term, node.node));
}

function canProvision(storageClass: StorageClass | undefined, { labels }: NodeInfo): boolean {
  if (!storageClass?.provisioner || storageClass.provisioner === noProvisioner) return false;
  const { allowedTopologies = [] } = storageClass;
  return (
    allowedTopologies.length === 0 ||
    allowedTopologies.some(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.every(({ key, values }) => values.includes(labels[key] ?? '')),
    )
  );
}

/** Names the claim in the volume; the controller of volumes does the rest. */
async function reserve(client: Client, volume: Volume, claim: Claim): Promise<void> {
  const byUs = isBoundTo(volume, claim) ? {} : { annotations: { [annotations.boundByController]: 'yes' } };
  await client.patch(persistentVolumes, volume.metadata, 'merge', {
    metadata: { ...byUs, resourceVersion: volume.metadata.resourceVersion },
    spec: { claimRef: referenceTo(claim) },
  });
}

/** Says where the claim's volume is to be made. */
async function select(client: Client, claim: Claim, node: string): Promise<void> {
  if (annotationOf(claim, annotations.selectedNode) === node) return;
  await client.patch(persistentVolumeClaims, claim.metadata, 'merge', {
    metadata: { annotations: { [annotations.selectedNode]: node }, resourceVersion: claim.metadata.resourceVersion },
  });
}
