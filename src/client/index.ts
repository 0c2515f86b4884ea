export * from './capability.ts';
export * from './client.ts';
export * from './controller.ts';
export * from './informer.ts';
export * from './recorder.ts';
export * from './streams.ts';
export * from './transport.ts';
