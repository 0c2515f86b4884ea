import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Informers } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import { asPod, configMaps, type Pod, persistentVolumeClaims, pods, secrets } from '../pod.ts';
import { removeTree } from '../remove-tree.ts';
import { claimNameOf } from '../volumes/claims.ts';
import { takeBack } from '../volumes/csi.ts';
import { waitsForNode } from '../volumes/expand.ts';
import type { KubeletDeps } from './deps.ts';
import { type PodWorker, startPodWorker } from './pod-worker.ts';

export interface Kubelet {
  /** The worker of a pod by namespace and name. */
  find(namespace: string, name: string): PodWorker | undefined;
  /** Ends every pod's processes; the objects stay, and a next start runs them again. */
  stop(): Promise<void>;
}

/** How long, in seconds, pods may take to end when the node stops: Ctrl-C is over within five seconds. */
const stopGrace = 3;

/** Runs the pods that are bound to this node, as the informer tells of them. */
export function startKubelet(nodeName: string, informers: Informers, deps: KubeletDeps): Kubelet {
  const workers = new Map<string, PodWorker>();
  let stopping = false;
  const informer = informers.for(pods);
  const key = (object: KubeObject) => `${object.metadata.namespace}/${object.metadata.name}`;
  const endings = new Set<Promise<void>>();

  function end(worker: PodWorker, grace: number): void {
    const ending = worker
      .shutDown(grace)
      .catch((error: Error) => deps.log.error({ pod: key(worker.pod()), error: error.message }, 'ending a pod'));
    endings.add(ending);
    void ending.finally(() => endings.delete(ending));
  }

  function upsert(object: KubeObject): void {
    if (stopping || object.spec?.['nodeName'] !== nodeName) return;
    const pod = asPod(object);
    const worker = workers.get(key(pod));
    if (worker && worker.uid === pod.metadata.uid) {
      worker.update(pod);
      return;
    }
    if (worker) end(worker, 0);
    workers.set(key(pod), startPodWorker(pod, deps));
  }

  function remove(object: KubeObject): void {
    const worker = workers.get(key(object));
    if (!worker || stopping || worker.uid !== object.metadata.uid) return;
    workers.delete(key(object));
    end(worker, 0);
  }

  const stops = [
    informer.addHandler({ upsert, remove }),
    ...[configMaps, secrets].map((resource) => {
      const field = resource === secrets ? 'secret' : 'configMap';
      return informers.for(resource, true).addHandler({
        upsert: (object) => kickUsers(object, field),
      });
    }),
    informers.for(persistentVolumeClaims).addHandler({ upsert: growUsers }),
    deps.images.onChange(() => {
      for (const worker of workers.values()) void retryImages(worker, deps.images);
    }),
  ];

  function kickUsers(object: KubeObject, field: 'secret' | 'configMap'): void {
    for (const worker of workers.values()) {
      const pod = worker.pod();
      if (pod.metadata.namespace === object.metadata.namespace && uses(pod, field, object.metadata.name))
        worker.refresh();
    }
  }

  /** A claim whose volume was made bigger wants its pods' node to do its part. */
  function growUsers(claim: KubeObject): void {
    if (!waitsForNode(claim)) return;
    for (const worker of workers.values()) {
      const pod = worker.pod();
      const names = (pod.spec?.volumes ?? []).map((volume) => claimNameOf(pod, volume));
      if (pod.metadata.namespace === claim.metadata.namespace && names.includes(claim.metadata.name)) worker.refresh();
    }
  }

  const sweepNow = () => sweep(deps, new Set(informer.list().map((object) => object.metadata.uid ?? '')));
  /** A driver that comes only now takes back what it has brought to pods that are gone, and others wait for it. */
  function lookAgain(): void {
    void sweepNow().catch(sweepFailed);
    for (const worker of workers.values()) {
      const pod = worker.pod();
      if (pod.spec?.volumes?.some((volume) => volume.csi ?? claimNameOf(pod, volume))) worker.refresh();
    }
  }

  function sweepFailed(error: Error): void {
    deps.log.warn({ error: error.message }, 'removing what pods that are gone left behind');
  }

  void informer.synced
    .then(async () => {
      // Every pod has taken over what was left running of it.
      for (const object of informer.list()) upsert(object);
      await deps.runtime.removeSurvivors();
      await sweepNow();
      if (deps.drivers && !stopping) stops.push(deps.drivers.onChange(lookAgain));
    })
    .catch(sweepFailed);

  return {
    find: (namespace, name) => workers.get(`${namespace}/${name}`),
    async stop() {
      stopping = true;
      for (const stop of stops) stop();
      for (const worker of workers.values()) end(worker, stopGrace);
      await Promise.all(endings);
    },
  };
}

/** Lets a pod go on whose image could not be had and is here now: built or pushed meanwhile. */
async function retryImages(worker: PodWorker, images: KubeletDeps['images']): Promise<void> {
  const spec = worker.pod().spec;
  for (const { name } of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
    const record = worker.container(name);
    if (!record?.imageBackOff) continue;
    // A store that cannot be read now says so when the back-off is over.
    const image = await images.resolve(record.container.image ?? '').catch(() => undefined);
    if (!image || !record.imageBackOff) continue;
    record.imageBackOff.until = 0;
    worker.kick();
  }
}

/** Whether a pod's specification mentions the ConfigMap or Secret. */
function uses(pod: Pod, field: 'secret' | 'configMap', name: string): boolean {
  const spec = pod.spec;
  const inVolumes = (spec?.volumes ?? []).some((volume) => {
    const direct = field === 'secret' ? volume.secret?.secretName : volume.configMap?.name;
    return direct === name || (volume.projected?.sources ?? []).some((source) => source[field]?.name === name);
  });
  if (inVolumes) return true;
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(
    (container) =>
      (container.envFrom ?? []).some((from) => from[`${field}Ref`]?.name === name) ||
      (container.env ?? []).some((variable) => variable.valueFrom?.[`${field}KeyRef`]?.name === name),
  );
}

/**
 * Removes volumes and logs of pods that were deleted while the node was down. What a driver does not take back stays, and
 * with it the pod's folder. @throws Error that says so, when the others are removed
 */
async function sweep(deps: KubeletDeps, alive: ReadonlySet<string>): Promise<void> {
  const failures: unknown[] = [];
  for (const folder of [deps.folders.pods, deps.folders.logs, join(deps.folders.memory, 'pods')]) {
    const entries = await readdir(folder).catch(() => []);
    for (const entry of entries) {
      const uid = entry.slice(entry.lastIndexOf('_') + 1);
      if (alive.has(uid)) continue;
      try {
        if (folder === deps.folders.pods) await takeBack(folder, entry, deps.drivers);
        await removeTree(join(folder, entry));
      } catch (error) {
        failures.push(error);
      }
    }
  }
  if (failures.length > 0) throw new Error(failures.map(messageOf).join('; '));
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
