import type { Shape } from './message.ts';

/** One call of a service: its path, and the messages that go and come. */
export interface Call {
  readonly path: string;
  readonly request: Shape;
  readonly response: Shape;
}

/** Of CSI 1.x (the specification's csi.proto): the fields that are asked or read here. */
const range: Shape = { requiredBytes: [1, 'number'], limitBytes: [2, 'number'] };
const capability: Shape = {
  block: [1, {}],
  mount: [2, { fsType: [1, 'text'], mountFlags: [2, 'text', 'repeated'], volumeMountGroup: [3, 'text'] }],
  accessMode: [3, { mode: [1, 'number'] }],
};
const topology: Shape = { segments: [1, 'map'] };
const volume: Shape = {
  capacityBytes: [1, 'number'],
  volumeId: [2, 'text'],
  volumeContext: [3, 'map'],
  accessibleTopology: [5, topology, 'repeated'],
};
const snapshot: Shape = {
  sizeBytes: [1, 'number'],
  snapshotId: [2, 'text'],
  creationTime: [4, { seconds: [1, 'number'], nanos: [2, 'number'] }],
  readyToUse: [5, 'flag'],
};
const abilities: Shape = { capabilities: [1, { rpc: [1, { type: [1, 'number'] }] }, 'repeated'] };

const call = (service: string, name: string, request: Shape = {}, response: Shape = {}): Call => ({
  path: `/${service}/${name}`,
  request,
  response,
});

export const identity = {
  getInfo: call('csi.v1.Identity', 'GetPluginInfo', {}, { name: [1, 'text'], vendorVersion: [2, 'text'] }),
  getAbilities: call(
    'csi.v1.Identity',
    'GetPluginCapabilities',
    {},
    {
      capabilities: [1, { service: [1, { type: [1, 'number'] }] }, 'repeated'],
    },
  ),
  probe: call('csi.v1.Identity', 'Probe', {}, { ready: [1, { value: [1, 'flag'] }] }),
} as const;

export const controller = {
  getAbilities: call('csi.v1.Controller', 'ControllerGetCapabilities', {}, abilities),
  createVolume: call(
    'csi.v1.Controller',
    'CreateVolume',
    {
      name: [1, 'text'],
      capacityRange: [2, range],
      volumeCapabilities: [3, capability, 'repeated'],
      parameters: [4, 'map'],
      secrets: [5, 'map'],
      volumeContentSource: [6, { snapshot: [1, { snapshotId: [1, 'text'] }], volume: [2, { volumeId: [1, 'text'] }] }],
      accessibilityRequirements: [7, { requisite: [1, topology, 'repeated'], preferred: [2, topology, 'repeated'] }],
    },
    { volume: [1, volume] },
  ),
  deleteVolume: call('csi.v1.Controller', 'DeleteVolume', { volumeId: [1, 'text'], secrets: [2, 'map'] }),
  publish: call(
    'csi.v1.Controller',
    'ControllerPublishVolume',
    {
      volumeId: [1, 'text'],
      nodeId: [2, 'text'],
      volumeCapability: [3, capability],
      readonly: [4, 'flag'],
      secrets: [5, 'map'],
      volumeContext: [6, 'map'],
    },
    { publishContext: [1, 'map'] },
  ),
  unpublish: call('csi.v1.Controller', 'ControllerUnpublishVolume', {
    volumeId: [1, 'text'],
    nodeId: [2, 'text'],
    secrets: [3, 'map'],
  }),
  createSnapshot: call(
    'csi.v1.Controller',
    'CreateSnapshot',
    { sourceVolumeId: [1, 'text'], name: [2, 'text'], secrets: [3, 'map'], parameters: [4, 'map'] },
    { snapshot: [1, snapshot] },
  ),
  deleteSnapshot: call('csi.v1.Controller', 'DeleteSnapshot', { snapshotId: [1, 'text'], secrets: [2, 'map'] }),
  listSnapshots: call(
    'csi.v1.Controller',
    'ListSnapshots',
    { snapshotId: [4, 'text'] },
    { entries: [1, { snapshot: [1, snapshot] }, 'repeated'] },
  ),
  expand: call(
    'csi.v1.Controller',
    'ControllerExpandVolume',
    { volumeId: [1, 'text'], capacityRange: [2, range], secrets: [3, 'map'], volumeCapability: [4, capability] },
    { capacityBytes: [1, 'number'], nodeExpansionRequired: [2, 'flag'] },
  ),
} as const;

export const node = {
  getAbilities: call('csi.v1.Node', 'NodeGetCapabilities', {}, abilities),
  getInfo: call(
    'csi.v1.Node',
    'NodeGetInfo',
    {},
    {
      nodeId: [1, 'text'],
      maxVolumesPerNode: [2, 'number'],
      accessibleTopology: [3, topology],
    },
  ),
  stage: call('csi.v1.Node', 'NodeStageVolume', {
    volumeId: [1, 'text'],
    publishContext: [2, 'map'],
    stagingTargetPath: [3, 'text'],
    volumeCapability: [4, capability],
    secrets: [5, 'map'],
    volumeContext: [6, 'map'],
  }),
  unstage: call('csi.v1.Node', 'NodeUnstageVolume', { volumeId: [1, 'text'], stagingTargetPath: [2, 'text'] }),
  publish: call('csi.v1.Node', 'NodePublishVolume', {
    volumeId: [1, 'text'],
    publishContext: [2, 'map'],
    stagingTargetPath: [3, 'text'],
    targetPath: [4, 'text'],
    volumeCapability: [5, capability],
    readonly: [6, 'flag'],
    secrets: [7, 'map'],
    volumeContext: [8, 'map'],
  }),
  unpublish: call('csi.v1.Node', 'NodeUnpublishVolume', { volumeId: [1, 'text'], targetPath: [2, 'text'] }),
  expand: call(
    'csi.v1.Node',
    'NodeExpandVolume',
    {
      volumeId: [1, 'text'],
      volumePath: [2, 'text'],
      capacityRange: [3, range],
      stagingTargetPath: [4, 'text'],
      volumeCapability: [5, capability],
    },
    { capacityBytes: [1, 'number'] },
  ),
} as const;

/** How a plugin's registrar tells the kubelet about it (kubelet pluginregistration v1). */
export const registration = {
  getInfo: call(
    'pluginregistration.Registration',
    'GetInfo',
    {},
    {
      type: [1, 'text'],
      name: [2, 'text'],
      endpoint: [3, 'text'],
      supportedVersions: [4, 'text', 'repeated'],
    },
  ),
  notify: call('pluginregistration.Registration', 'NotifyRegistrationStatus', {
    pluginRegistered: [1, 'flag'],
    error: [2, 'text'],
  }),
} as const;

/** Numbers of abilities in their enumerations. */
export const pluginAbility = { controllerService: 1, topology: 2 } as const;
export const controllerAbility = {
  createDeleteVolume: 1,
  publish: 2,
  createDeleteSnapshot: 5,
  listSnapshots: 6,
  clone: 7,
  expand: 9,
  singleNodeMultiWriter: 13,
} as const;
export const nodeAbility = { stage: 1, expand: 3, singleNodeMultiWriter: 5 } as const;
