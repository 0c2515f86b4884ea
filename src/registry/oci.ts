/** Media types and annotations of the OCI image specification v1.1, and docker's, which mean the same. */
export const media = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
} as const;

/** Whether a text is a digest as all of them are here: 'sha256:…'. */
export const isDigest = (text: string): boolean => /^sha256:[0-9a-f]{64}$/.test(text);

/** Media types of what lists the manifests of several platforms. */
export const indexTypes: ReadonlySet<string> = new Set([media.index, media.dockerList]);

/** Media types of a manifest: what is asked for. */
export const manifestTypes: readonly string[] = [media.manifest, media.index, media.dockerManifest, media.dockerList];

export const annotation = {
  /** The full reference, in the layout's index. */
  name: 'org.opencontainers.image.ref.name',
  created: 'org.opencontainers.image.created',
  /** What the layers go on top of: 'host'. */
  base: 'homeport.dev/base',
  /** In the layout's index, on what a registry gave: 'pulled'. It may be had again, and may have changed there. */
  source: 'homeport.dev/source',
} as const;

export interface Platform {
  architecture: string;
  os: string;
  variant?: string;
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  /** Bytes. */
  size: number;
  annotations?: Record<string, string>;
  platform?: Platform;
  artifactType?: string;
  /** Where else it may be had. */
  urls?: string[];
}

export interface ImageIndex {
  schemaVersion: 2;
  mediaType: string;
  manifests: Descriptor[];
  annotations?: Record<string, string>;
  artifactType?: string;
  subject?: Descriptor;
}

export interface ImageManifest {
  schemaVersion: 2;
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
  annotations?: Record<string, string>;
  artifactType?: string;
  /** The manifest that this one is about: a signature's image. */
  subject?: Descriptor;
}

export interface ImageConfiguration {
  architecture: string;
  os: string;
  created?: string;
  config?: {
    Entrypoint?: string[];
    Cmd?: string[];
    Env?: string[];
    WorkingDir?: string;
    User?: string;
    Labels?: Record<string, string>;
  };
  rootfs: { type: 'layers'; diff_ids: string[] };
}
