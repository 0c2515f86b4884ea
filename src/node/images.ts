/** How an image says its program is started (the `config` of an OCI image configuration). */
export interface ImageConfig {
  entrypoint: readonly string[];
  cmd: readonly string[];
  /** 'NAME=value' each. */
  env: readonly string[];
  /** Absolute; '/' when the image names none. */
  workingDir: string;
  /** 'UID', 'UID:GID', a user name, or '' for root. */
  user: string;
  labels: Readonly<Record<string, string>>;
}

/** An image that is on this machine. */
export interface NodeImage {
  /** The normalized reference it was resolved by: 'docker.io/library/silly-demo:1.4.305'. */
  reference: string;
  /** Digest of the image's manifest, or of the index of several platforms that it came from: 'sha256:…'. */
  digest: string;
  /** Bytes of all layers, compressed. */
  size: number;
  /** 'host': the layers go on top of this machine's own /usr, read-only. undefined: the image is whole by itself. */
  base: 'host' | undefined;
  config: ImageConfig;
}

/** Where a node gets images from. The registry room's ImageStore is one. */
export interface ImageSource {
  list(): Promise<NodeImage[]>;
  /** The image of a reference as a pod names it, or undefined when it is not here. Throws for a malformed reference. */
  resolve(reference: string): Promise<NodeImage | undefined>;
  /** Tags that are here for the repository of this reference, sorted. */
  tagsOf(reference: string): Promise<string[]>;
  /**
   * Brings an image here from its registry, or brings it up to date.
   * @param pullSecrets docker configurations, as imagePullSecrets hold them
   * @throws Error saying why it cannot be had, as containerd words it.
   */
  pull(reference: string, pullSecrets: readonly unknown[]): Promise<NodeImage>;
  /** Folders with the unpacked layers, base layer first; unpacked on first use, verified and shared: never write there. */
  unpack(image: NodeImage): Promise<string[]>;
  /** Removes unpacked layers that no image has any more, but for the folders of these names, which containers stand on. */
  removeUnused(inUse: ReadonlySet<string>): Promise<void>;
  /** Calls back after images came or went, also through another process. Returns the way to stop it. */
  onChange(listener: () => void): () => void;
}
