export { type NodeAgent, type NodeOptions, startNode } from './agent.ts';
export { type ChosenRuntime, chooseRuntime, type RuntimeChoice, type RuntimeName } from './detect.ts';
export type { ImageConfig, ImageSource, NodeImage } from './images.ts';
export { layersInUse } from './layers-in-use.ts';
export { type NetworkReservation, reserveNetwork } from './linux/network.ts';
export { startSimulatedNodes } from './simulated-nodes/start.ts';
export { simulatedUsage } from './simulated-nodes/usage.ts';
