import { mkdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { EventRecorder } from '../../client/index.ts';
import { canonicalQuantity } from '../../machinery/index.ts';
import type { VolumeDrivers } from '../../volumes/index.ts';
import { expand } from '../kubelet/env.ts';
import type { Container, Pod, VolumeMount } from '../pod.ts';
import { removeTree } from '../remove-tree.ts';
import type { Mount } from '../runtime.ts';
import type { Sources, VolumeContent } from './content.ts';
import { csiFolder, takeBack } from './csi.ts';
import { limitOf } from './empty-dir.ts';
import { writeVolume } from './files.ts';
import { type PrepareContext, type Prepared, prepareVolume } from './prepare-volume.ts';
import { type LimitedFolder, watchSizes } from './size-limits.ts';
import { withSubPath } from './sub-path.ts';

/** The volumes of one pod on this machine. */
export interface PodVolumes {
  /** Makes them, or brings their files up to date. @throws Error worded as the kubelet's FailedMount event. */
  prepare(sources: Omit<Sources, 'tokens'>): Promise<void>;
  /** What a container sees of them. @throws Error for a mount that cannot be made. */
  mountsOf(container: Container, env: ReadonlyMap<string, string>): Promise<Mount[]>;
  /** When files of it (tokens) should be made anew, in milliseconds since the epoch. */
  renewAt(): number | undefined;
  /** Ends what goes on by itself; the volumes stay. */
  rest(): void;
  remove(): Promise<void>;
}

/** What volumes take from the node. */
export interface VolumeHost {
  /** The folder of all pods on disk, and the pod's own one in memory, for what must not reach the disk. */
  folders: { pods: string; memory: string };
  drivers?: VolumeDrivers | undefined;
  recorder?: EventRecorder;
  /** Told when a volume has outgrown its limit, once. */
  exceeded?(message: string): void;
}

export function createPodVolumes(pod: Pod, { drivers, exceeded, folders, recorder }: VolumeHost): PodVolumes {
  const uid = pod.metadata.uid ?? '';
  const own = join(folders.pods, uid);
  const disk = join(own, 'volumes');
  const prepared = new Map<string, Prepared>();
  const renewals = new Map<string, number>();
  const written = new Map<string, string>();
  const tokens: Sources['tokens'] = new Map();
  const group = pod.spec?.securityContext?.fsGroup;
  let endWatch: (() => void) | undefined;

  async function write(name: string, path: string, content: VolumeContent): Promise<void> {
    if (content.renewAt !== undefined) renewals.set(name, content.renewAt);
    const print = JSON.stringify(content.files.map((file) => [file.path, file.mode, file.content.toString('base64')]));
    if (written.get(name) === print) return;
    await writeVolume(path, content.files, group);
    written.set(name, print);
  }

  async function mountOf(mount: VolumeMount, env: ReadonlyMap<string, string>): Promise<Mount> {
    const volume = prepared.get(mount.name);
    if (!volume) throw new Error(`volume ${mount.name} of mount ${mount.mountPath} is not defined`);
    const containerPath = posix.resolve('/', mount.mountPath);
    if (containerPath === '/') throw new Error('a volume cannot be mounted at /');
    const readOnly = mount.readOnly === true || volume.readOnly;
    const base = { containerPath, hostPath: volume.hostPath, kind: volume.kind, readOnly };
    const subPath = mount.subPathExpr ? expand(mount.subPathExpr, (name) => env.get(name)) : mount.subPath;
    return subPath ? withSubPath(base, volume, subPath) : base;
  }

  return {
    async prepare(sources) {
      await mkdir(disk, { recursive: true, mode: 0o755 });
      await mkdir(folders.memory, { recursive: true, mode: 0o755 });
      const context: PrepareContext = {
        // The pod as it is now: its labels and annotations may be shown.
        ...{ pod: sources.pod, drivers, recorder, write },
        folders: { disk, memory: folders.memory, csi: csiFolder(own) },
        sources: { ...sources, tokens },
      };
      for (const volume of pod.spec?.volumes ?? []) {
        prepared.set(volume.name, await prepareVolume(volume, prepared.get(volume.name), context));
      }
      if (exceeded) endWatch ??= watchSizes(limitedFolders(pod, disk), exceeded);
    },
    mountsOf: (container, env) => Promise.all((container.volumeMounts ?? []).map((mount) => mountOf(mount, env))),
    renewAt: () => (renewals.size === 0 ? undefined : Math.min(...renewals.values())),
    rest: () => endWatch?.(),
    async remove() {
      endWatch?.();
      await takeBack(folders.pods, uid, drivers);
      await removeTree(disk);
      await removeTree(folders.memory);
    },
  };
}

/** Those of its emptyDirs on disk that have a limit; one in memory ends at it by itself. */
function limitedFolders({ spec }: Pod, disk: string): LimitedFolder[] {
  return (spec?.volumes ?? []).flatMap(({ emptyDir, name }) => {
    const limit = emptyDir && emptyDir.medium !== 'Memory' ? limitOf(emptyDir) : undefined;
    if (limit === undefined) return [];
    return [{ name, limit, path: join(disk, name), text: canonicalQuantity(emptyDir?.sizeLimit ?? 0) }];
  });
}
