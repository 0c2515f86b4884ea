import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { type VolumeDriver, type VolumeDrivers, VolumeError } from '../../volumes/index.ts';
import { patiently } from '../volumes/retry.ts';
import { readSecret, reservedPrefix } from '../volumes/secrets.ts';
import { withDrivers } from '../volumes/with-drivers.ts';
import type { Content, SnapshotClass } from './kinds.ts';
import { errorOf, finalizers, marks, setFinalizers, writeStatus } from './marks.ts';
import { volumeSnapshotClasses, volumeSnapshotContents } from './resources.ts';

/** How often, in milliseconds, a driver that is still at work on a snapshot is asked again. */
const askAgain = 1000;

/** Takes and deletes what contents stand for, with the drivers that are here (the sidecar csi-snapshotter). */
export function snapshotter(context: PlatformContext, drivers: VolumeDrivers): Controller {
  const { client, informers } = context;
  const contents = informers.for(volumeSnapshotContents);
  const classes = informers.for(volumeSnapshotClasses);

  async function reconcile(name: string): Promise<{ requeueAfter: number } | undefined> {
    const content = contents.get(name) as Content | undefined;
    const driver = content && drivers.get(content.spec?.driver ?? '');
    if (!content?.spec || !driver?.abilities.snapshot) return undefined;
    if (content.metadata.deletionTimestamp) return remove(content, driver);
    if (content.status?.readyToUse) return undefined;
    const recorder = context.recorder(`csi-snapshotter ${driver.name}`);
    try {
      const taken = await take(content, driver);
      await writeStatus(client, volumeSnapshotContents, content, {
        snapshotHandle: taken.handle,
        creationTime: taken.createdAt.getTime() * 1e6,
        restoreSize: taken.size,
        readyToUse: taken.ready,
      });
      return taken.ready ? undefined : { requeueAfter: askAgain };
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      const what = `Failed to check and update snapshot content: ${error.message}`;
      recorder.event(content, 'Warning', 'SnapshotContentCheckandUpdateFailed', what);
      const status = { ...content.status, readyToUse: false, error: errorOf(what, content.status?.error) };
      await writeStatus(client, volumeSnapshotContents, content, status);
      throw error;
    }
  }

  async function take({ metadata, spec }: Content, driver: VolumeDriver) {
    const handle = spec?.source.snapshotHandle;
    if (handle !== undefined) return driver.findSnapshot(handle);
    const snapshotClass = classes.get(spec?.volumeSnapshotClassName ?? '') as SnapshotClass | undefined;
    const parameters = Object.entries(snapshotClass?.parameters ?? {});
    const volume = spec?.source.volumeHandle ?? '';
    return driver.createSnapshot({
      name: `snapshot-${spec?.volumeSnapshotRef.uid}`,
      volume,
      parameters: Object.fromEntries(parameters.filter(([key]) => !key.startsWith(reservedPrefix))),
      secrets: await readSecret(client, deletionSecret(metadata)),
    });
  }

  /** A content that is deleted by itself, without its snapshot, goes only when the snapshot goes, too. */
  async function remove(content: Content, driver: VolumeDriver): Promise<undefined> {
    const { metadata, spec, status } = content;
    if (!metadata.finalizers?.includes(finalizers.content)) return;
    const bound = spec?.volumeSnapshotRef.uid !== undefined && spec.volumeSnapshotRef.uid !== '';
    if (bound && metadata.annotations?.[marks.beingDeleted] === undefined) return;
    const handle = status?.snapshotHandle ?? spec?.source.snapshotHandle;
    if (spec?.deletionPolicy === 'Delete' && handle !== undefined) {
      try {
        await driver.deleteSnapshot(handle, await readSecret(client, deletionSecret(metadata)));
      } catch (error) {
        if (!(error instanceof VolumeError)) throw error;
        const recorder = context.recorder(`csi-snapshotter ${driver.name}`);
        recorder.event(content, 'Warning', 'SnapshotDeleteError', `Failed to delete snapshot: ${error.message}`);
        throw error;
      }
    }
    await setFinalizers(client, volumeSnapshotContents, content, { drop: [finalizers.content] });
  }

  const controller = createController({
    name: 'csi-snapshotter',
    context,
    sources: [{ resource: volumeSnapshotContents }, { resource: volumeSnapshotClasses, keys: () => [] }],
    reconcile: patiently(reconcile),
  });
  return withDrivers(controller, drivers, (name) =>
    (contents.list() as Content[]).filter(({ spec }) => spec?.driver === name).map(({ metadata }) => metadata.name),
  );
}

function deletionSecret({ annotations }: Content['metadata']) {
  return {
    name: annotations?.[marks.deletionSecretName] ?? '',
    namespace: annotations?.[marks.deletionSecretNamespace] ?? '',
  };
}
