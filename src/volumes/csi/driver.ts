import { createHash } from 'node:crypto';
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Fields } from '../../machinery/index.ts';
import type {
  AttachedVolume,
  CreatedSnapshot,
  DriverNode,
  NewVolume,
  Segments,
  VolumeDriver,
  VolumeUse,
} from '../driver.ts';
import { VolumeError } from '../driver.ts';
import { controller, controllerAbility, identity, node, nodeAbility, pluginAbility } from './calls.ts';
import type { Connection } from './connection.ts';

/** A driver that answers at a socket. */
export interface CsiDriver extends VolumeDriver {
  close(): void;
}

/**
 * Asks a CSI driver who it is and what it can do.
 * @param staging the folder below which volumes are staged; each gets a folder of its own.
 * @throws VolumeError when it does not answer as a CSI driver does.
 */
export async function openCsiDriver(connection: Connection, staging: string): Promise<CsiDriver> {
  const name = String((await connection.call(identity.getInfo))['name']);
  if (!/^[a-zA-Z0-9]([-a-zA-Z0-9.]{0,61}[a-zA-Z0-9])?$/.test(name))
    throw new VolumeError('InvalidArgument', `${JSON.stringify(name)} is no name for a driver`);
  const plugin = numbers((await connection.call(identity.getAbilities))['capabilities'], 'service');
  const hasController = plugin.has(pluginAbility.controllerService);
  const able = hasController ? abilitiesOf(await connection.call(controller.getAbilities)) : new Set<number>();
  const onNode = abilitiesOf(await connection.call(node.getAbilities));
  const facts: Facts = {
    ...{ name, connection },
    stagingOf: onNode.has(nodeAbility.stage)
      ? (handle) => join(staging, name, hashOf(handle), 'globalmount')
      : undefined,
    expandsOnNode: onNode.has(nodeAbility.expand),
    listsSnapshots: able.has(controllerAbility.listSnapshots),
    fineModes: able.has(controllerAbility.singleNodeMultiWriter),
  };
  return {
    name,
    abilities: {
      create: able.has(controllerAbility.createDeleteVolume),
      snapshot: able.has(controllerAbility.createDeleteSnapshot),
      clone: able.has(controllerAbility.clone),
      expand: able.has(controllerAbility.expand) || facts.expandsOnNode,
      attach: able.has(controllerAbility.publish),
      topology: plugin.has(pluginAbility.topology),
    },
    node: nodeOf(await connection.call(node.getInfo)),
    ...volumeCalls(facts, able.has(controllerAbility.expand)),
    ...snapshotCalls(facts),
    ...nodeCalls(facts),
    close: connection.close,
  };
}

interface Facts {
  name: string;
  connection: Connection;
  /** Where a volume is staged; undefined when the driver has no staging. */
  stagingOf: ((handle: string) => string) | undefined;
  expandsOnNode: boolean;
  listsSnapshots: boolean;
  /** Knows the access modes that tell one writer from several on a node. */
  fineModes: boolean;
}

const hashOf = (handle: string): string => createHash('sha256').update(handle).digest('hex');

function numbers(capabilities: unknown, field: 'rpc' | 'service'): Set<number> {
  return new Set((capabilities as Fields[]).map((each) => Number((each[field] as Fields | undefined)?.['type'] ?? 0)));
}

const abilitiesOf = (answer: Fields): Set<number> => numbers(answer['capabilities'], 'rpc');

function nodeOf({ accessibleTopology, maxVolumesPerNode, nodeId }: Fields): DriverNode {
  const { segments = {} } = (accessibleTopology ?? {}) as { segments?: Segments };
  return { nodeId: String(nodeId), maxVolumes: Number(maxVolumesPerNode), topology: segments };
}

type VolumeCalls = Pick<VolumeDriver, 'createVolume' | 'deleteVolume' | 'expandVolume' | 'attach' | 'detach'>;

function volumeCalls({ connection, fineModes }: Facts, expands: boolean): VolumeCalls {
  const { call } = connection;
  const capabilityOf = (use: VolumeUse) => capability(use, fineModes);
  return {
    async createVolume(wanted) {
      const request = creation(wanted, fineModes);
      const volume = (await call(controller.createVolume, request))['volume'] as Fields | undefined;
      if (!volume?.['volumeId']) throw new VolumeError('Internal', 'CreateVolume answered without a volume');
      return {
        handle: String(volume['volumeId']),
        size: Number(volume['capacityBytes']),
        context: volume['volumeContext'] as Segments,
        topology: (volume['accessibleTopology'] as { segments: Segments }[]).map(({ segments }) => segments),
      };
    },
    deleteVolume: async (volumeId, secrets) => void (await call(controller.deleteVolume, { volumeId, secrets })),
    async expandVolume(volumeId, size, use, secrets) {
      if (!expands) return { size, onNode: true };
      const capacityRange = { requiredBytes: size };
      const request = { volumeId, capacityRange, secrets, volumeCapability: capabilityOf(use) };
      const { capacityBytes, nodeExpansionRequired } = await call(controller.expand, request);
      return { size: Number(capacityBytes) || size, onNode: nodeExpansionRequired === true };
    },
    async attach({ context, handle, nodeId, readOnly, secrets, use }: AttachedVolume) {
      const request = { volumeId: handle, nodeId, readonly: readOnly, secrets, volumeContext: context };
      const answer = await call(controller.publish, { ...request, volumeCapability: capabilityOf(use) });
      return answer['publishContext'] as Segments;
    },
    detach: async (volumeId, nodeId, secrets) => void (await call(controller.unpublish, { volumeId, nodeId, secrets })),
  };
}

function creation(
  { accessModes, capability: use, limit, name, parameters, secrets, size, source, topology }: NewVolume,
  fine: boolean,
) {
  const segments = (list: readonly Segments[]) => list.map((each) => ({ segments: each }));
  return {
    ...{ name, parameters, secrets },
    capacityRange: { requiredBytes: size, limitBytes: limit },
    volumeCapabilities: [capability({ ...use, accessModes }, fine)],
    ...(source && {
      volumeContentSource:
        'snapshot' in source ? { snapshot: { snapshotId: source.snapshot } } : { volume: { volumeId: source.volume } },
    }),
    ...(topology && {
      accessibilityRequirements: { requisite: segments(topology.requisite), preferred: segments(topology.preferred) },
    }),
  };
}

type SnapshotCalls = Pick<VolumeDriver, 'createSnapshot' | 'findSnapshot' | 'deleteSnapshot'>;

function snapshotCalls({ connection: { call }, listsSnapshots }: Facts): SnapshotCalls {
  return {
    async createSnapshot({ name, parameters, secrets, volume }) {
      const request = { sourceVolumeId: volume, name, secrets, parameters };
      return snapshotOf((await call(controller.createSnapshot, request))['snapshot']);
    },
    async findSnapshot(snapshotId) {
      // A driver that cannot say is believed to have it.
      if (!listsSnapshots) return { handle: snapshotId, size: 0, createdAt: new Date(), ready: true };
      const { entries } = await call(controller.listSnapshots, { snapshotId });
      const [first] = entries as Fields[];
      if (!first) throw new VolumeError('NotFound', `there is no snapshot ${snapshotId}`);
      return snapshotOf(first['snapshot']);
    },
    deleteSnapshot: async (snapshotId, secrets) =>
      void (await call(controller.deleteSnapshot, { snapshotId, secrets })),
  };
}

function snapshotOf(value: unknown): CreatedSnapshot {
  const { creationTime, readyToUse, sizeBytes, snapshotId } = (value ?? {}) as Fields;
  if (!snapshotId) throw new VolumeError('Internal', 'the driver answered without a snapshot');
  const { nanos = 0, seconds = 0 } = (creationTime ?? {}) as { seconds?: number; nanos?: number };
  return {
    handle: String(snapshotId),
    size: Number(sizeBytes),
    createdAt: new Date(seconds * 1000 + nanos / 1e6),
    ready: readyToUse === true,
  };
}

type NodeCalls = Pick<VolumeDriver, 'publish' | 'unpublish' | 'unstage' | 'expandOnNode'>;

function nodeCalls({ connection: { call }, expandsOnNode, fineModes, stagingOf }: Facts): NodeCalls {
  return {
    async publish(volume) {
      const { context: volumeContext, handle: volumeId, publishContext, publishSecrets, stageSecrets, use } = volume;
      const volumeCapability = capability(use, fineModes);
      const stagingTargetPath = volume.ephemeral ? undefined : stagingOf?.(volumeId);
      const common = { volumeId, publishContext, stagingTargetPath, volumeCapability, volumeContext };
      if (stagingTargetPath !== undefined) {
        await mkdir(stagingTargetPath, { recursive: true, mode: 0o750 });
        await call(node.stage, { ...common, secrets: stageSecrets });
      }
      // The driver makes the target itself, in a folder that is there.
      await mkdir(dirname(volume.target), { recursive: true, mode: 0o750 });
      const request = { ...common, targetPath: volume.target, readonly: volume.readOnly, secrets: publishSecrets };
      await call(node.publish, request);
      return volume.target;
    },
    unpublish: async (volumeId, targetPath) => void (await call(node.unpublish, { volumeId, targetPath })),
    async unstage(volumeId) {
      const stagingTargetPath = stagingOf?.(volumeId);
      if (stagingTargetPath === undefined) return;
      await call(node.unstage, { volumeId, stagingTargetPath });
      // Not with what is in it: were it still mounted, that would be the volume.
      await rmdir(stagingTargetPath).catch(ifGone);
      await rmdir(dirname(stagingTargetPath)).catch(ifGone);
    },
    async expandOnNode({ handle: volumeId, path: volumePath, size, use }) {
      if (!expandsOnNode) return;
      const capacityRange = { requiredBytes: size };
      const stagingTargetPath = stagingOf?.(volumeId);
      const volumeCapability = capability(use, fineModes);
      await call(node.expand, { volumeId, volumePath, capacityRange, stagingTargetPath, volumeCapability });
    },
  };
}

function ifGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

function capability({ accessModes = [], fsType, mode, mountOptions = [] }: VolumeUse, fine: boolean) {
  return {
    ...(mode === 'Block' ? { block: {} } : { mount: { fsType, mountFlags: mountOptions } }),
    accessMode: { mode: modeNumber(accessModes, fine) },
  };
}

/** The access mode that allows the most, in the numbers of CSI. */
function modeNumber(modes: readonly string[], fine: boolean): number {
  if (modes.includes('ReadWriteMany')) return 5;
  if (modes.includes('ReadOnlyMany')) return modes.includes('ReadWriteOnce') ? 5 : 3;
  if (modes.includes('ReadWriteOncePod')) return fine ? 6 : 1;
  return fine ? 7 : 1;
}
