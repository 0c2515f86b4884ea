import type { KubeObject } from '../../machinery/index.ts';

export type SnapshotError = { time?: string; message?: string };

/** A VolumeSnapshot: what a user asks for and gets. */
export type Snapshot = KubeObject<
  {
    source: { persistentVolumeClaimName?: string; volumeSnapshotContentName?: string };
    volumeSnapshotClassName?: string;
  },
  {
    boundVolumeSnapshotContentName?: string;
    creationTime?: string;
    readyToUse?: boolean;
    restoreSize?: string | number;
    error?: SnapshotError;
  }
>;

/** A VolumeSnapshotContent: what a driver keeps. Times are nanoseconds since the epoch, sizes bytes. */
export type Content = KubeObject<
  {
    deletionPolicy: string;
    driver: string;
    source: { volumeHandle?: string; snapshotHandle?: string };
    sourceVolumeMode?: string;
    volumeSnapshotClassName?: string;
    volumeSnapshotRef: { apiVersion?: string; kind?: string; name?: string; namespace?: string; uid?: string };
  },
  {
    snapshotHandle?: string;
    creationTime?: number;
    restoreSize?: number;
    readyToUse?: boolean;
    error?: SnapshotError;
  }
>;

export type SnapshotClass = KubeObject & {
  driver: string;
  deletionPolicy: string;
  parameters?: Record<string, string>;
};
