export { type RegistryOptions, watchDrivers } from './csi/registry.ts';
export type {
  AttachedVolume,
  CreatedSnapshot,
  CreatedVolume,
  DriverNode,
  Expanded,
  NewVolume,
  PublishedVolume,
  Segments,
  VolumeDriver,
  VolumeUse,
} from './driver.ts';
export { attachmentName, VolumeError } from './driver.ts';
export { createDrivers, type DriverSet, type VolumeDrivers } from './drivers.ts';
export { createFolderDriver, folderDriverName } from './folder/driver.ts';
