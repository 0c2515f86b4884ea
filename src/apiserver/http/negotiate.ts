import { ApiError } from '../../machinery/index.ts';
import { admits, mediaRanges } from '../documents.ts';

/** How a client wants an answer: the objects themselves, rows of a table, or only their metadata. */
export type Shape = 'object' | 'table' | 'metadata';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
/** JSON first: it is what a client gets that takes anything. */
const FORMATS = new Map<string, Negotiated['format']>([
  ['application/json', 'json'],
  ['application/yaml', 'yaml'],
  [PROTOBUF, 'protobuf'],
]);

export interface Negotiated {
  shape: Shape;
  /** The version of meta.k8s.io for tables and metadata: 'v1' or 'v1beta1'. */
  version: string;
  format: 'json' | 'yaml' | 'protobuf';
}

const SHAPES = new Map<string, Shape>([
  ['Table', 'table'],
  ['PartialObjectMetadata', 'metadata'],
  ['PartialObjectMetadataList', 'metadata'],
]);

const remembered = { custom: new Map<string, Negotiated>(), builtIn: new Map<string, Negotiated>() };
const REMEMBERED = 256;

/**
 * Picks the first of the client's wishes that can be granted.
 * @param protobuf whether the objects can be written as protobuf: only built-in kinds can.
 * @throws ApiError 406 when nothing fits.
 */
export function negotiate(accept: string | undefined, protobuf: boolean): Negotiated {
  const key = accept ?? '';
  const known = protobuf ? remembered.builtIn : remembered.custom;
  let negotiated = known.get(key);
  if (!negotiated) {
    negotiated = choose(accept, protobuf);
    if (known.size < REMEMBERED) known.set(key, negotiated);
  }
  return negotiated;
}

function choose(accept: string | undefined, protobuf: boolean): Negotiated {
  const accepted = [...FORMATS.keys()].filter((type) => protobuf || type !== PROTOBUF).join(', ');
  let known = false;
  for (const range of mediaRanges(accept)) {
    const shape = shapeOf(range.parameters);
    for (const [type, format] of FORMATS) {
      if (!admits(range, type)) continue;
      const possible = format !== 'protobuf' || (shape === 'object' ? protobuf : shape === 'metadata');
      if (shape && possible) return { shape, version: range.parameters.get('v') ?? 'v1', format };
      known ||= possible || protobuf;
    }
  }
  if (known) throw notAcceptable(`only the following media types are accepted: ${accepted}`);
  throw notAcceptable(`406: Not Acceptable\n\nAvailable representations: ${accepted}`, {});
}

function notAcceptable(message: string, details?: object): ApiError {
  return new ApiError(406, 'NotAcceptable', message, details);
}

/** Whether JSON is indented: for people who look at it, as kube-apiserver does unless `pretty` says otherwise. */
export function wantsIndent(query: URLSearchParams, userAgent: string | undefined): boolean {
  const pretty = query.get('pretty');
  if (pretty) return pretty === '1' || /^(t|true)$/i.test(pretty);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent ?? '');
}

/** The shape that the parameters of a media range ask for, or undefined for one that nobody knows. */
function shapeOf(parameters: ReadonlyMap<string, string>): Shape | undefined {
  const as = parameters.get('as');
  if (as === undefined || as === '') return 'object';
  const version = parameters.get('v') ?? 'v1';
  const group = parameters.get('g') ?? 'meta.k8s.io';
  return group === 'meta.k8s.io' && (version === 'v1' || version === 'v1beta1') ? SHAPES.get(as) : undefined;
}
