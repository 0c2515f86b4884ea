import type { Resource } from '../../machinery/index.ts';

export const group = 'snapshot.storage.k8s.io';

const kind = (resource: string, name: string, namespaced: boolean): Resource => ({
  ...{ group, version: 'v1', resource, kind: name, namespaced },
});

export const volumeSnapshots = kind('volumesnapshots', 'VolumeSnapshot', true);
export const volumeSnapshotContents = kind('volumesnapshotcontents', 'VolumeSnapshotContent', false);
export const volumeSnapshotClasses = kind('volumesnapshotclasses', 'VolumeSnapshotClass', false);
