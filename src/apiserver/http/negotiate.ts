import { ApiError } from '../../machinery/index.ts';
import { admits, mediaRanges } from '../documents.ts';

/** How a client wants an answer: the objects themselves, rows of a table, or only their metadata. */
export type Shape = 'object' | 'table' | 'metadata';

const FORMATS = ['application/json', 'application/yaml'] as const;

export interface Negotiated {
  shape: Shape;
  /** The version of meta.k8s.io for tables and metadata: 'v1' or 'v1beta1'. */
  version: string;
  format: 'json' | 'yaml';
}

const SHAPES = new Map<string, Shape>([
  ['Table', 'table'],
  ['PartialObjectMetadata', 'metadata'],
  ['PartialObjectMetadataList', 'metadata'],
]);

const remembered = new Map<string, Negotiated>();
const REMEMBERED = 256;

/**
 * Picks the first of the client's wishes that can be granted. Protobuf cannot: replies are JSON, or YAML where asked for.
 * @throws ApiError 406 when nothing fits.
 */
export function negotiate(accept: string | undefined): Negotiated {
  const key = accept ?? '';
  let negotiated = remembered.get(key);
  if (!negotiated) {
    negotiated = choose(accept);
    if (remembered.size < REMEMBERED) remembered.set(key, negotiated);
  }
  return negotiated;
}

function choose(accept: string | undefined): Negotiated {
  for (const range of mediaRanges(accept)) {
    const format = FORMATS.find((type) => admits(range, type));
    if (!format) continue;
    const as = range.parameters.get('as');
    const shape = as === undefined || as === '' ? 'object' : SHAPES.get(as);
    const version = range.parameters.get('v') ?? 'v1';
    const group = range.parameters.get('g') ?? 'meta.k8s.io';
    if (!shape) continue;
    if (shape !== 'object' && (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1'))) continue;
    return { shape, version, format: format === 'application/yaml' ? 'yaml' : 'json' };
  }
  throw new ApiError(
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml, application/json;as=Table;v=v1;g=meta.k8s.io, ' +
      'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io, application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    {},
  );
}
