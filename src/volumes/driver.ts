import { createHash } from 'node:crypto';

/** What a driver can do; what it cannot is not asked of it. */
export interface DriverAbilities {
  /** Makes and deletes volumes. */
  create: boolean;
  /** Makes and deletes snapshots, and volumes from them. */
  snapshot: boolean;
  /** Makes volumes that begin as copies of others. */
  clone: boolean;
  expand: boolean;
  /** Volumes have to be attached to a node before it can use them. */
  attach: boolean;
  /** Says from where a volume can be reached. */
  topology: boolean;
}

/** What is asked of CreateVolume. Sizes are bytes. */
export interface NewVolume {
  /** Unique; asking twice for a name gives the same volume. */
  name: string;
  size: number;
  limit?: number;
  capability: VolumeUse;
  accessModes: readonly string[];
  parameters: Readonly<Record<string, string>>;
  secrets: Readonly<Record<string, string>>;
  /** What the volume begins as a copy of. */
  source?: { snapshot: string } | { volume: string };
  /** From where it must be reachable: any of `requisite`, best the first of `preferred`. Sets of segments. */
  topology?: { requisite: readonly Segments[]; preferred: readonly Segments[] };
}

export type Segments = Readonly<Record<string, string>>;

/** How a volume is used. */
export interface VolumeUse {
  /** A file system, or a device. */
  mode: 'Filesystem' | 'Block';
  fsType?: string;
  mountOptions?: readonly string[];
  /** Of a claim or a volume; the driver is told the one that allows the most. */
  accessModes?: readonly string[];
}

export interface CreatedVolume {
  handle: string;
  /** Bytes; 0 when the driver does not say. */
  size: number;
  context: Readonly<Record<string, string>>;
  /** From where it is reachable; empty for everywhere. */
  topology: readonly Segments[];
}

export interface CreatedSnapshot {
  handle: string;
  /** Bytes that a volume made of it needs at least; 0 when the driver does not say. */
  size: number;
  createdAt: Date;
  /** false while the driver is still at work on it: ask again. */
  ready: boolean;
}

/** A volume on its way to a pod of this machine. */
export interface PublishedVolume {
  handle: string;
  context: Readonly<Record<string, string>>;
  /** What attaching it answered. */
  publishContext: Readonly<Record<string, string>>;
  use: VolumeUse;
  readOnly: boolean;
  /** Made and removed together with its pod. */
  ephemeral: boolean;
  /** Where in the pod's folder it is to appear, absolute. Nothing is there yet. */
  target: string;
  stageSecrets: Readonly<Record<string, string>>;
  publishSecrets: Readonly<Record<string, string>>;
}

/** What a driver says about the machine it runs on. */
export interface DriverNode {
  nodeId: string;
  /** 0: no limit. */
  maxVolumes: number;
  topology: Segments;
}

/**
 * What makes volumes and brings them to pods: folders of this machine, or a CSI driver behind its socket. The calls are
 * those of the Container Storage Interface, and like them idempotent. They throw VolumeError.
 */
export interface VolumeDriver {
  readonly name: string;
  readonly abilities: DriverAbilities;
  readonly node: DriverNode | undefined;
  createVolume(volume: NewVolume): Promise<CreatedVolume>;
  deleteVolume(handle: string, secrets: Readonly<Record<string, string>>): Promise<void>;
  /** @returns the new size in bytes, and whether the node has to do its part, too. */
  expandVolume(handle: string, size: number, use: VolumeUse, secrets: Secrets): Promise<Expanded>;
  createSnapshot(request: {
    name: string;
    volume: string;
    parameters: Secrets;
    secrets: Secrets;
  }): Promise<CreatedSnapshot>;
  /** One that was made without us. */
  findSnapshot(handle: string): Promise<CreatedSnapshot>;
  deleteSnapshot(handle: string, secrets: Secrets): Promise<void>;
  /** @returns what the node needs to know to use it. */
  attach(volume: AttachedVolume): Promise<Readonly<Record<string, string>>>;
  detach(handle: string, nodeId: string, secrets: Secrets): Promise<void>;
  /** Brings a volume to a pod. @returns the path on this machine where its content is. */
  publish(volume: PublishedVolume): Promise<string>;
  /** Takes it back from a pod. */
  unpublish(handle: string, target: string): Promise<void>;
  /** Takes it from the machine, when no pod has it any more. */
  unstage(handle: string): Promise<void>;
  /** The node's part of an expansion, while the volume is published there. */
  expandOnNode(volume: { handle: string; path: string; size: number; use: VolumeUse }): Promise<void>;
}

type Secrets = Readonly<Record<string, string>>;

export interface Expanded {
  size: number;
  onNode: boolean;
}

export interface AttachedVolume {
  handle: string;
  nodeId: string;
  use: VolumeUse;
  readOnly: boolean;
  context: Readonly<Record<string, string>>;
  secrets: Secrets;
}

/** Why a driver refused. `final`: trying again as it is cannot help, and nothing was left behind. */
export class VolumeError extends Error {
  readonly code: string;
  readonly final: boolean;
  constructor(code: string, message: string, options: { final?: boolean; cause?: unknown } = {}) {
    super(`rpc error: code = ${code} desc = ${message}`, { cause: options.cause });
    this.name = 'VolumeError';
    this.code = code;
    this.final = options.final ?? true;
  }
}

/** The name of the VolumeAttachment of a volume to a node, as Kubernetes makes it. */
export function attachmentName(handle: string, driver: string, node: string): string {
  return `csi-${createHash('sha256').update(`${handle}${driver}${node}`).digest('hex')}`;
}
