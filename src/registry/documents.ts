import {
  type Descriptor,
  type ImageConfiguration,
  type ImageIndex,
  type ImageManifest,
  indexTypes,
  isDigest,
  media,
} from './oci.ts';

/** What a manifest's bytes hold, checked: nothing in it is trusted beyond its form. */
export type Manifest = { kind: 'index'; index: ImageIndex } | { kind: 'image'; manifest: ImageManifest };

const mostLayers = 500;

/**
 * Reads the bytes of a manifest or an index.
 * @param mediaType what it came as; the document's own word is followed where it has one
 * @throws Error naming the field that is wrong, or the format that is too old.
 */
export function readManifest(bytes: Buffer, mediaType: string): Manifest {
  const document = parse(bytes, 'manifest');
  const type = typeof document['mediaType'] === 'string' ? document['mediaType'] : plainType(mediaType);
  if (document['schemaVersion'] === 1 || type.startsWith('application/vnd.docker.distribution.manifest.v1'))
    throw new Error(
      'the manifest is of docker schema 1, which is no longer supported: build or push the image again with a newer tool',
    );
  if (document['schemaVersion'] !== 2) throw new Error('the manifest has no schemaVersion 2');
  const subject = document['subject'] === undefined ? {} : { subject: readDescriptor(document['subject'], 'subject') };
  if (indexTypes.has(type) || (!('layers' in document) && 'manifests' in document)) {
    const manifests = listOf(document['manifests'], 'manifests').map((each, at) =>
      readDescriptor(each, `manifests[${at}]`),
    );
    return { kind: 'index', index: { ...document, ...subject, schemaVersion: 2, mediaType: type, manifests } };
  }
  if (type !== media.manifest && type !== media.dockerManifest)
    throw new Error(`the manifest is of type ${JSON.stringify(type)}, which is not an image's`);
  const layers = listOf(document['layers'], 'layers').map((each, at) => readDescriptor(each, `layers[${at}]`));
  const config = readDescriptor(document['config'], 'config');
  return { kind: 'image', manifest: { ...document, ...subject, schemaVersion: 2, mediaType: type, config, layers } };
}

/** 'application/json; charset=utf-8' → 'application/json' */
const plainType = (mediaType: string) => mediaType.split(';')[0]?.trim() ?? '';

function readDescriptor(value: unknown, where: string): Descriptor {
  const { mediaType, digest, size, ...rest } = mapOf(value, where);
  if (typeof digest !== 'string' || !isDigest(digest))
    throw new Error(`the manifest's ${where}.digest is not of the form sha256:HEX`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw new Error(`the manifest's ${where}.size is not a number of bytes`);
  return { ...rest, mediaType: typeof mediaType === 'string' ? mediaType : '', digest, size };
}

/**
 * Reads the bytes of an image's configuration.
 * @throws Error naming the field that is wrong.
 */
export function readConfiguration(bytes: Buffer): ImageConfiguration {
  const document = parse(bytes, 'configuration');
  const rootfs = mapOf(document['rootfs'], 'rootfs');
  const ids = listOf(rootfs['diff_ids'], 'rootfs.diff_ids');
  if (!ids.every((id) => typeof id === 'string' && isDigest(id)))
    throw new Error("the configuration's rootfs.diff_ids are not digests");
  const config =
    document['config'] === undefined || document['config'] === null ? {} : mapOf(document['config'], 'config');
  for (const field of ['Entrypoint', 'Cmd', 'Env']) texts(config[field], `config.${field}`);
  for (const field of ['WorkingDir', 'User']) text(config[field], `config.${field}`);
  const labels = config['Labels'] ?? {};
  texts(Object.values(mapOf(labels, 'config.Labels')), 'config.Labels');
  for (const field of ['architecture', 'os', 'created']) text(document[field], field);
  return document as unknown as ImageConfiguration;
}

function text(value: unknown, where: string): void {
  if (value !== undefined && value !== null && typeof value !== 'string')
    throw new Error(`the configuration's ${where} is not a text`);
}

function texts(value: unknown, where: string): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
    throw new Error(`the configuration's ${where} does not hold texts`);
}

function parse(bytes: Buffer, what: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new Error(`the ${what} is not JSON: ${error instanceof Error ? error.message : error}`);
  }
  return mapOf(document, what);
}

function mapOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`the ${where} of the image is not an object`);
}

function listOf(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) throw new Error(`the ${where} of the image is not a list`);
  if (value.length > mostLayers) throw new Error(`the ${where} of the image has more than ${mostLayers} entries`);
  return value;
}
