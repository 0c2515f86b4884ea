import { builtinSchema, type Fields, type KubeObject } from '../../machinery/index.ts';
import { decodeTyped } from '../rest/typed.ts';
import { strategyFor } from './strategy.ts';

const groupOfKind: Record<string, string> = {
  Deployment: 'apps',
  ReplicaSet: 'apps',
  Ingress: 'networking.k8s.io',
  EndpointSlice: 'discovery.k8s.io',
  Lease: 'coordination.k8s.io',
  PriorityClass: 'scheduling.k8s.io',
  Role: 'rbac.authorization.k8s.io',
  RoleBinding: 'rbac.authorization.k8s.io',
  ClusterRole: 'rbac.authorization.k8s.io',
};

export function make(kind: string, fields: Fields): KubeObject {
  const group = groupOfKind[kind];
  const metadata = { name: 'x', namespace: 'a', uid: 'u' };
  const object = { apiVersion: group ? `${group}/v1` : 'v1', kind, metadata, ...fields };
  const schema = builtinSchema(object.apiVersion, kind);
  return schema ? decodeTyped(object, schema).object : object;
}

export const strategy = (object: KubeObject) => strategyFor(groupOfKind[object.kind] ?? '', object.kind) ?? {};

export function create(kind: string, fields: Fields): KubeObject {
  const object = make(kind, fields);
  strategy(object).applyDefaults?.(object);
  strategy(object).prepareForCreate?.(object, { username: 'jane', groups: [] });
  return object;
}

/** What a client sees of a create: 'field: message' each. */
export function errorsOf(kind: string, fields: Fields): string[] {
  const object = create(kind, fields);
  return (strategy(object).validate?.(object, undefined) ?? []).map(({ field, message }) => `${field}: ${message}`);
}

export function updateErrorsOf(kind: string, before: Fields, after: Fields): string[] {
  const old = create(kind, before);
  const object = make(kind, after);
  strategy(object).applyDefaults?.(object);
  strategy(object).prepareForUpdate?.(object, old);
  return (strategy(object).validate?.(object, old) ?? []).map(({ field, message }) => `${field}: ${message}`);
}

export const container = { name: 'app', image: 'app:1' };
export const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [container] } };
export const deployment = { spec: { selector: { matchLabels: { app: 'x' } }, template } };
