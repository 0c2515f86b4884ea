import type { IncomingMessage } from 'node:http';
import type { KubeObject, ResourceInfo, Schema, StatusCause, Verb } from '../machinery/index.ts';

/** Who makes a request (authentication.k8s.io/v1 UserInfo). */
export interface UserInfo {
  username: string;
  uid?: string;
  groups: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

/** What a request wants, read off its method, path and query (apiserver's RequestInfo). */
export interface RequestInfo {
  /** Lower case: a Verb for resources, the HTTP method for other paths. */
  verb: string;
  path: string;
  isResource: boolean;
  group: string;
  version: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
}

/** Finds out who a request comes from. undefined: no credentials were given; throws ApiError 401 for wrong ones. */
export interface Authenticator {
  authenticate(request: IncomingMessage): Promise<UserInfo | undefined>;
}

export interface Decision {
  allowed: boolean;
  /** Why, for the review APIs and the 403 message. */
  reason: string;
}

export interface Authorizer {
  authorize(user: UserInfo, attributes: RequestInfo): Decision;
}

/** Read access to the committed objects of a resource, and a notice of each change: straight from the watch cache. */
export interface ObjectReader {
  get(resource: GroupResource, key: string): KubeObject | undefined;
  list(resource: GroupResource, namespace?: string): KubeObject[];
  /** Calls back after each commit that touches the resource. Returns the way to stop it. */
  subscribe(resource: GroupResource, listener: (object: KubeObject, deleted: boolean) => void): () => void;
}

export interface GroupResource {
  group: string;
  resource: string;
}

/** What kube-apiserver's registry strategy does for an update of a built-in kind. All of it is pure. */
export interface UpdateStrategy {
  /** What a client should know about an object that is right (the Warning header). */
  warnings?(object: KubeObject, old: KubeObject | undefined): string[];
  /** Puts back what a client may not change, in place. metadata, status and generation are handled for every kind. */
  prepareForUpdate?(object: KubeObject, old: KubeObject): void;
  /** Errors of a new object (`old` is undefined) or of a change, worded and attributed to fields as kube-apiserver does. */
  validate?(object: KubeObject, old: KubeObject | undefined): StatusCause[];
}

/** What it does for a kind beyond its schema. */
export interface KindStrategy extends UpdateStrategy {
  /** Fills in defaults, in place. Runs on every write before validation. */
  applyDefaults?(object: KubeObject): void;
  /** Sets what a client may not choose on create (an initial status, say), in place. */
  prepareForCreate?(object: KubeObject, user: UserInfo): void;
  /** True for a kind whose updates have to say which version they are of. */
  readonly needsVersion?: boolean;
  /** True for a change beside what the object asks for that counts as a generation, too. */
  isChanged?(object: KubeObject, old: KubeObject): boolean;
  /** What takes the place of the kind's own rules when a subresource is written: 'status', 'approval', 'ephemeralcontainers', 'resize'. */
  readonly subresources?: Readonly<Record<string, UpdateStrategy>>;
  /** What is wrong with a name; without it names are DNS subdomains. */
  nameErrors?(name: string): string[];
  /** True for kinds whose first status is the client's to give. */
  readonly keepsFirstStatus?: boolean;
  /** True for kinds whose metadata stays as it is when their status is written. */
  readonly keepsMetadataOnStatus?: boolean;
  /** Warns of every use of a kind that clients should leave: 'v1 Endpoints is deprecated in v1.33+; use …'. */
  readonly deprecation?: string;
  /** True for kinds of which a PUT creates what is not there. */
  readonly createsOnUpdate?: boolean;
}

export interface ColumnDefinition {
  name: string;
  type: string;
  format: string;
  description: string;
  /** 0 is always shown, higher only with -o wide. */
  priority: number;
}

/** Turns objects into rows of a meta.k8s.io/v1 Table. */
export interface TablePrinter {
  readonly columns: readonly ColumnDefinition[];
  /** One cell a column, in order. `now` is in milliseconds since the epoch; ages are relative to it. */
  cells(object: KubeObject, now: number): unknown[];
  /** The order of a page's rows, where it is not that of the list. */
  order?(a: KubeObject, b: KubeObject): number;
}

/** A resource that this server serves in one version: built in, or from a CRD. */
export interface ServedResource extends ResourceInfo {
  /** The schema of the whole object, metadata included. */
  readonly schema: Schema;
  readonly strategy?: KindStrategy;
  readonly printer: TablePrinter;
  /** True for what is never stored: reviews. */
  readonly virtual: boolean;
  /** Set for a CRD's resource: unknown fields are pruned by its structural schema; built-ins drop them by their type. */
  readonly custom: boolean;
  /** Set for a CRD's resource: changes whenever its schema may have. */
  readonly fingerprint?: string;
  /** Set for a CRD's resource: paths without the leading dot that field selectors may name besides metadata. */
  readonly selectableFields?: readonly string[];
  readonly verbs: readonly Verb[];
}
