export type { Capability } from './capability.ts';
export type { CertificateSigner, RequestedCertificate } from './certificate-signer.ts';
export type {
  ApplyOptions,
  Client,
  DeleteOptions,
  Discovered,
  DiscoveredResource,
  ListOptions,
  ObjectKey,
  ObjectList,
  PatchType,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client.ts';
export type {
  Controller,
  ControllerActivity,
  ControllerOptions,
  ControllerSource,
  DynamicController,
  PlatformContext,
  ReconcileResult,
} from './controller.ts';
export { createClient } from './create-client.ts';
export { createController } from './create-controller.ts';
export { createRecorder } from './create-recorder.ts';
export { deepFreeze } from './deep-freeze.ts';
export { createHttpTransport, type HttpTransport, type HttpTransportConfig } from './http-transport.ts';
export type { Informer, InformerHandler, Informers } from './informer.ts';
export { createInformers } from './informers.ts';
export { type Kubeconfig, loadKubeconfig } from './kubeconfig.ts';
export { type Demand, onDemand } from './on-demand.ts';
export { createPlatformContext } from './platform-context.ts';
export type { EventRecorder } from './recorder.ts';
export { remember } from './remember.ts';
export type {
  ContainerRef,
  ExecStreams,
  LogOptions,
  PodStreams,
} from './streams.ts';
export type { RawWatchEvent, Transport, TransportRequest } from './transport.ts';
export type { MeasuredUsage, UsageSource } from './usage.ts';
