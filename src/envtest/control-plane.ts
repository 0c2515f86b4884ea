import type { Logger } from 'pino';
import type { UserInfo } from '../apiserver/index.ts';
import type { Client, Controller, PlatformContext } from '../client/index.ts';
import type { KubeObject, Resource } from '../machinery/index.ts';
import type { UntilOptions } from './until.ts';

/** A manifest: the path of a YAML or JSON file, a folder of such files, or the object itself. */
export type Manifest = string | URL | KubeObject;

export interface ControlPlaneOptions {
  /**
   * A folder for the database and the certificates; starting again with it goes on where it was. Absent: everything is in
   * memory and gone after stop().
   */
  dataDir?: string;
  /** The port of the API server; any free one by default. */
  port?: number;
  /**
   * The built-in controllers to run, by name ('garbage-collector', 'namespace-controller', 'deployment-controller' …), or
   * 'all' of them. None by default, as on a bare API server: deleted namespaces stay Terminating, dependents stay.
   */
  controllers?: 'all' | readonly string[];
  /** Adds this many nodes on which pods only seem to run: bound pods become Ready at once. 0 by default. */
  nodes?: number;
  /** Applied in order before the start is over; CustomResourceDefinitions first, until they are established. */
  manifests?: readonly Manifest[];
  /** Where the server and the controllers log. Nothing is logged by default. */
  log?: Logger;
}

/** A running control plane. `await using` stops it, too. */
export interface ControlPlane extends AsyncDisposable {
  /** 'https://127.0.0.1:40123' */
  readonly url: string;
  readonly port: number;
  /** The CA of its certificate, in PEM. */
  readonly caPem: string;
  /** An administrator's kubeconfig, as YAML text: for client libraries. */
  readonly kubeconfig: string;
  /** Writes the kubeconfig to a private file that goes with stop(), for kubectl and Helm; returns the file's path. */
  kubeconfigFile(): string;
  /** An administrator's client, without HTTPS in between. Objects it returns are shared, and frozen. */
  readonly client: Client;
  /** A kubeconfig of somebody else, with a client certificate, as YAML text. */
  kubeconfigOf(username: string, groups?: readonly string[]): Promise<string>;
  /** A client of somebody else, for whom RBAC counts. */
  clientOf(user: Pick<UserInfo, 'username'> & Partial<UserInfo>): Client;
  /** What controllers are made with. */
  readonly context: PlatformContext;
  /** Starts a controller; stop() ends it. Its own stop() does so earlier. */
  run<T extends Controller>(make: (context: PlatformContext) => T): T;
  /**
   * Applies manifests (server-side, forced, as field manager 'envtest'): CustomResourceDefinitions first and until they
   * are established, then the rest in order. Returns the applied objects, in the order in which they were applied.
   */
  apply(...manifests: readonly Manifest[]): Promise<KubeObject[]>;
  /** Makes a namespace of this prefix and a random end, for one test's own objects. Returns its name. */
  namespace(prefix?: string): Promise<string>;
  /**
   * Resolves when nothing is left to do: every change has reached every informer of `context`, and no controller that was
   * started by `run` or `controllers` has a key queued, in work, or failing. Keys to be looked at again later do not count.
   * @param timeout milliseconds; default 10,000.
   * @throws Error after that time, with the keys that keep it busy and the last error of each.
   */
  settled(timeout?: number): Promise<void>;
  /**
   * Watches an object until a condition holds, also of its absence (undefined), and resolves to the object as it was then.
   * @throws Error after a time (default 10,000 ms), with the last state of the object.
   */
  until<T extends KubeObject>(
    resource: Resource,
    key: { name: string; namespace?: string },
    condition: (object: T | undefined) => boolean,
    options?: UntilOptions,
  ): Promise<T | undefined>;
  /** Stops controllers, informers and the server, and removes what was written to temporary places. */
  stop(): Promise<void>;
}
