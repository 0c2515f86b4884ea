/**
 * Writes an OpenAPI v2 document as protobuf: the Document message of gnostic's openapiv2/OpenAPIv2.proto, which is what
 * kube-apiserver serves as application/com.github.proto-openapi.spec.v2@v1.0+protobuf.
 */

import {
  createOutput,
  type Output,
  writeDouble,
  writeNested,
  writeTag,
  writeText,
  writeVarint,
  written,
} from '../../machinery/index.ts';

type Json = Record<string, unknown>;

type Write = (value: unknown, out: Output) => void;

/** The fields of a message: how each JSON member is written. */
type Message = Readonly<Record<string, Write>>;

/** @param document as openApiV2 builds it: only what occurs there is written. */
export function encodeOpenApiV2(document: Json): Uint8Array {
  const out = createOutput(1 << 19);
  DOCUMENT(document, out);
  return written(out);
}

const text =
  (number: number): Write =>
  (value, out) =>
    writeText(number, String(value), out);

const integer =
  (number: number): Write =>
  (value, out) => {
    writeVarint(Math.max(0, Number(value)), out);
    writeTag(number, 0, out);
  };

const flag =
  (number: number): Write =>
  (value, out) => {
    writeVarint(value ? 1 : 0, out);
    writeTag(number, 0, out);
  };

const double =
  (number: number): Write =>
  (value, out) => {
    writeDouble(Number(value), out);
    writeTag(number, 1, out);
  };

const each =
  (write: Write): Write =>
  (value, out) => {
    for (const item of (value as unknown[]).toReversed()) write(item, out);
  };

const nested =
  (number: number, write: Write): Write =>
  (value, out) =>
    writeNested(number, out, () => write(value, out));

/** gnostic's Any: JSON is YAML. */
const any: Write = (value, out) => text(2)(JSON.stringify(value), out);

/** The Named… messages that stand for the entries of a map. */
const entries = (number: number, write: Write): Write => {
  const entry = nested(number, (value, out) => {
    const [name, inner] = value as [string, unknown];
    nested(2, write)(inner, out);
    text(1)(name, out);
  });
  return (map, out) => {
    for (const [name, value] of Object.entries(map as Json).toReversed()) {
      if (value !== undefined) entry([name, value], out);
    }
  };
};

/** Writes the members that the message has; x-… members go to its vendor extensions. */
function message(fields: Message, extensions?: number): Write {
  const extension = extensions === undefined ? undefined : entries(extensions, any);
  return (value, out) => {
    for (const [name, member] of Object.entries(value as Json).toReversed()) {
      if (member === undefined) continue;
      const write = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (write) write(member, out);
      else if (name.startsWith('x-')) extension?.({ [name]: member }, out);
    }
  };
}

/** Schemas nest, so their fields are looked up when one is written. */
const schema: Write = (value, out) => SCHEMA(value, out);

const SCHEMA = message(
  {
    $ref: text(1),
    format: text(2),
    title: text(3),
    description: text(4),
    default: nested(5, any),
    multipleOf: double(6),
    maximum: double(7),
    exclusiveMaximum: flag(8),
    minimum: double(9),
    exclusiveMinimum: flag(10),
    maxLength: integer(11),
    minLength: integer(12),
    pattern: text(13),
    maxItems: integer(14),
    minItems: integer(15),
    uniqueItems: flag(16),
    maxProperties: integer(17),
    minProperties: integer(18),
    required: each(text(19)),
    enum: each(nested(20, any)),
    additionalProperties: nested(21, (value, out) => {
      const write = typeof value === 'boolean' ? flag(2) : nested(1, schema);
      write(value, out);
    }),
    type: nested(22, text(1)),
    items: nested(23, nested(1, schema)),
    allOf: each(nested(24, schema)),
    properties: nested(25, entries(1, schema)),
  },
  31,
);

const BODY_PARAMETER = message(
  { description: text(1), name: text(2), in: text(3), required: flag(4), schema: nested(5, schema) },
  6,
);

const QUERY_PARAMETER = message(
  {
    required: flag(1),
    in: text(2),
    description: text(3),
    name: text(4),
    type: text(6),
    format: text(7),
    uniqueItems: flag(20),
  },
  23,
);

const PATH_PARAMETER = message(
  {
    required: flag(1),
    in: text(2),
    description: text(3),
    name: text(4),
    type: text(5),
    format: text(6),
    uniqueItems: flag(19),
  },
  22,
);

/** A ParametersItem: Parameter, then BodyParameter or NonBodyParameter, then one of its kinds. */
const parameter: Write = (value, out) => {
  const where = (value as Json)['in'];
  if (where === 'body') nested(1, nested(1, BODY_PARAMETER))(value, out);
  else if (where === 'query') nested(1, nested(2, nested(3, QUERY_PARAMETER)))(value, out);
  else nested(1, nested(2, nested(4, PATH_PARAMETER)))(value, out);
};

const RESPONSE = message({ description: text(1), schema: nested(2, nested(1, schema)) }, 5);

const OPERATION = message(
  {
    tags: each(text(1)),
    description: text(3),
    operationId: text(5),
    produces: each(text(6)),
    consumes: each(text(7)),
    parameters: each(nested(8, parameter)),
    responses: nested(9, entries(1, nested(1, RESPONSE))),
    schemes: each(text(10)),
  },
  13,
);

const PATH_ITEM = message(
  {
    get: nested(2, OPERATION),
    put: nested(3, OPERATION),
    post: nested(4, OPERATION),
    delete: nested(5, OPERATION),
    patch: nested(8, OPERATION),
    parameters: each(nested(9, parameter)),
  },
  10,
);

const DOCUMENT = message({
  swagger: text(1),
  info: nested(2, message({ title: text(1), version: text(2) })),
  paths: nested(8, entries(2, PATH_ITEM)),
  definitions: nested(9, entries(1, schema)),
});
