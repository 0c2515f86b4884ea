import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { isReason, keyOf, timestamp } from '../../machinery/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { persistentVolumeClaims } from '../resources.ts';
import { bytesText } from '../volumes/match.ts';
import type { Claim } from '../volumes/types.ts';
import type { Content, Snapshot, SnapshotClass } from './kinds.ts';
import { errorOf, finalizers, marks, setFinalizers, writeStatus } from './marks.ts';
import {
  contentNameOf,
  defaultSnapshotClass,
  newContent,
  pointsAt,
  SnapshotObstacle,
  sourceOfSnapshot,
} from './new-content.ts';
import { volumeSnapshotClasses, volumeSnapshotContents, volumeSnapshots } from './resources.ts';

/**
 * Gives every VolumeSnapshot a content, and tells it what became of it (what the community's snapshot-controller does).
 * Keys are those of snapshots.
 */
export function snapshotController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const snapshots = informers.for(volumeSnapshots);
  const contents = informers.for(volumeSnapshotContents);
  const classes = informers.for(volumeSnapshotClasses);
  const claims = informers.for(persistentVolumeClaims);
  const recorder = context.recorder('snapshot-controller');

  async function reconcile(key: string): Promise<undefined> {
    const snapshot = snapshots.get(key) as Snapshot | undefined;
    if (!snapshot) return;
    if (snapshot.metadata.deletionTimestamp) return void (await remove(snapshot));
    const guarded = await setFinalizers(client, volumeSnapshots, snapshot, {
      add: [finalizers.source, finalizers.bound],
    });
    try {
      const content = await contentFor(guarded);
      if (content) await report(guarded, content);
    } catch (error) {
      if (!(error instanceof SnapshotObstacle)) throw error;
      recorder.event(guarded, 'Warning', error.reason, error.message);
      const status = { ...guarded.status, readyToUse: false, error: errorOf(error.message, guarded.status?.error) };
      await writeStatus(client, volumeSnapshots, guarded, status);
    }
  }

  /** The content of a snapshot, made if need be. */
  async function contentFor(snapshot: Snapshot): Promise<Content | undefined> {
    const { persistentVolumeClaimName, volumeSnapshotContentName } = snapshot.spec?.source ?? {};
    if (volumeSnapshotContentName !== undefined) return adopt(snapshot, volumeSnapshotContentName);
    const known = contents.get(contentNameOf(snapshot)) as Content | undefined;
    if (known) return known;
    if (snapshot.status?.boundVolumeSnapshotContentName)
      throw new SnapshotObstacle('SnapshotContentMissing', 'VolumeSnapshotContent is missing');
    const { claim, volume } = await sourceOfSnapshot(client, snapshot);
    const name = snapshot.spec?.volumeSnapshotClassName;
    const snapshotClass =
      name === undefined
        ? defaultSnapshotClass(classes, volume.spec?.csi?.driver ?? '')
        : (classes.get(name) as SnapshotClass | undefined);
    if (!snapshotClass) {
      const why = `Failed to get snapshot class with error volumesnapshotclass.snapshot.storage.k8s.io "${name}" not found`;
      throw new SnapshotObstacle('GetSnapshotClassFailed', why);
    }
    if (snapshotClass.driver !== volume.spec?.csi?.driver) {
      const why = `snapshot class ${snapshotClass.metadata.name} is of driver ${snapshotClass.driver}, and the volume of PVC ${persistentVolumeClaimName} is not`;
      throw new SnapshotObstacle('SnapshotContentCreationFailed', why);
    }
    const classed = await setClass(snapshot, snapshotClass);
    await setFinalizers(client, persistentVolumeClaims, claim, { add: [finalizers.claim] });
    const made = await create(newContent(classed, snapshotClass, volume));
    const message = `Waiting for a snapshot ${keyOf(snapshot)} to be created by the CSI driver.`;
    recorder.event(classed, 'Normal', 'CreatingSnapshot', message);
    // Writing the class has changed the snapshot: this look at it is over, the next one comes with the change.
    return classed === snapshot ? made : undefined;
  }

  async function setClass(snapshot: Snapshot, { metadata }: SnapshotClass): Promise<Snapshot> {
    if (!snapshot.spec || snapshot.spec.volumeSnapshotClassName !== undefined) return snapshot;
    const spec = { ...snapshot.spec, volumeSnapshotClassName: metadata.name };
    return client.update<Snapshot>(volumeSnapshots, { ...snapshot, spec });
  }

  async function create(content: Content): Promise<Content | undefined> {
    try {
      return await client.create(volumeSnapshotContents, content);
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) return undefined;
      throw error;
    }
  }

  /** Binds a snapshot to a content that somebody made for it. */
  async function adopt(snapshot: Snapshot, name: string): Promise<Content> {
    const content = contents.get(name) as Content | undefined;
    if (!content) throw new SnapshotObstacle('SnapshotContentMissing', 'VolumeSnapshotContent is missing');
    if (!pointsAt(content, snapshot) || content.spec?.source.snapshotHandle === undefined) {
      const why = `VolumeSnapshotContent [${name}] is bound to a different snapshot`;
      throw new SnapshotObstacle('SnapshotContentMisbound', why);
    }
    const guarded = await setFinalizers(client, volumeSnapshotContents, content, { add: [finalizers.content] });
    if (content.spec.volumeSnapshotRef.uid) return guarded;
    const volumeSnapshotRef = { ...content.spec.volumeSnapshotRef, uid: snapshot.metadata.uid ?? '' };
    const bound = { ...guarded, spec: { ...content.spec, volumeSnapshotRef } };
    return client.update<Content>(volumeSnapshotContents, bound);
  }

  /** Tells a snapshot what its content has come to. */
  async function report(snapshot: Snapshot, content: Content): Promise<void> {
    const before = snapshot.status ?? {};
    const { creationTime, error, readyToUse = false, restoreSize } = content.status ?? {};
    const status: NonNullable<Snapshot['status']> = {
      boundVolumeSnapshotContentName: content.metadata.name,
      ...(creationTime === undefined ? {} : { creationTime: timestamp(creationTime / 1e6) }),
      readyToUse,
      ...(restoreSize === undefined ? {} : { restoreSize: bytesText(restoreSize) }),
      ...(error ? { error } : {}),
    };
    const written = await writeStatus(client, volumeSnapshots, snapshot, status);
    const what = `Snapshot ${keyOf(snapshot)}`;
    if (status.creationTime !== undefined && before.creationTime === undefined)
      recorder.event(written, 'Normal', 'SnapshotCreated', `${what} was successfully created by the CSI driver.`);
    if (readyToUse && !before.readyToUse)
      recorder.event(written, 'Normal', 'SnapshotReady', `${what} is ready to use.`);
    if (readyToUse) await letClaimGo(snapshot);
  }

  /** A claim is held back only while snapshots of it are being taken. */
  async function letClaimGo(snapshot: Snapshot): Promise<void> {
    const name = snapshot.spec?.source.persistentVolumeClaimName;
    const { namespace = '', uid } = snapshot.metadata;
    const claim = claims.get(`${namespace}/${name}`) as Claim | undefined;
    if (!claim?.metadata.finalizers?.includes(finalizers.claim)) return;
    const others = (snapshots.list(namespace) as Snapshot[]).some(
      ({ metadata, spec, status }) =>
        metadata.uid !== uid &&
        spec?.source.persistentVolumeClaimName === name &&
        !status?.readyToUse &&
        !status?.error,
    );
    if (!others) await setFinalizers(client, persistentVolumeClaims, claim, { drop: [finalizers.claim] });
  }

  /** Lets a deleted snapshot go, after its content where the policy says so. */
  async function remove(snapshot: Snapshot): Promise<void> {
    await letClaimGo(snapshot);
    const name = snapshot.status?.boundVolumeSnapshotContentName ?? contentNameOf(snapshot);
    const content = contents.get(name) as Content | undefined;
    if (content && pointsAt(content, snapshot)) {
      if (isBeingRestored(snapshot)) {
        recorder.event(snapshot, 'Warning', 'SnapshotDeletePending', 'Snapshot is being used to restore a PVC');
        return;
      }
      await markDeleted(content);
      if (content.spec?.deletionPolicy === 'Delete') {
        await ignoringAbsence(client.delete(volumeSnapshotContents, { name }));
        // The content's end brings the snapshot back here.
        if (await client.find(volumeSnapshotContents, { name })) return;
      }
    }
    await setFinalizers(client, volumeSnapshots, snapshot, { drop: [finalizers.source, finalizers.bound] });
  }

  function isBeingRestored({ metadata }: Snapshot): boolean {
    return (claims.list(metadata.namespace) as Claim[]).some(({ spec, status }) => {
      const source = spec?.dataSource ?? spec?.dataSourceRef;
      return source?.kind === 'VolumeSnapshot' && source.name === metadata.name && status?.phase === 'Pending';
    });
  }

  async function markDeleted(content: Content): Promise<void> {
    if (content.metadata.annotations?.[marks.beingDeleted] !== undefined) return;
    const patch = { metadata: { annotations: { [marks.beingDeleted]: 'yes' } } };
    await ignoringAbsence(client.patch(volumeSnapshotContents, content.metadata, 'merge', patch));
  }

  return createController({
    name: 'snapshot-controller',
    context,
    sources: [
      { resource: volumeSnapshots },
      {
        resource: volumeSnapshotContents,
        keys: (object) => {
          const { name, namespace } = (object as Content).spec?.volumeSnapshotRef ?? {};
          return [`${namespace}/${name}`];
        },
      },
      { resource: volumeSnapshotClasses, keys: () => unfinished().map(keyOf) },
      {
        resource: persistentVolumeClaims,
        keys: ({ metadata }) =>
          unfinished(metadata.namespace)
            .filter((each) => concerns(each, metadata.name))
            .map(keyOf),
      },
    ],
    reconcile,
  });

  /** Snapshots that are waiting for something: to be taken, or to go. */
  function unfinished(namespace?: string): Snapshot[] {
    return (snapshots.list(namespace) as Snapshot[]).filter(
      ({ metadata, status }) => !status?.readyToUse || metadata.deletionTimestamp,
    );
  }

  function concerns({ metadata, spec }: Snapshot, claim: string): boolean {
    return metadata.deletionTimestamp !== undefined || spec?.source.persistentVolumeClaimName === claim;
  }
}
