import { readFileSync } from 'node:fs';
import { ApiError, isFields, type KubeObject, type Schema, type StatusCause, yaml } from '../machinery/index.ts';
import { decodeTyped } from './rest/typed.ts';

/** One of the formats that kube-apiserver takes its own configuration in. */
export interface ConfigFormat {
  /** 'audit.k8s.io/v1', 'apiserver.config.k8s.io/v1beta1': all that can be read. */
  apiVersions: readonly string[];
  kind: string;
  /** The fields beside apiVersion and kind. */
  fields: Readonly<Record<string, Schema>>;
}

export const text: Schema = { type: 'string' };
/** Any JSON value, kept as it is. */
export const anything: Schema = {};
export const texts: Schema = { type: 'array', items: text };

export function record(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', properties };
}

export function listOf(items: Schema): Schema {
  return { type: 'array', items };
}

/**
 * Reads a configuration file in YAML or JSON.
 * @throws Error that names the file for one that cannot be read, is of another kind, has a value of the wrong type, or a
 * field that the format does not know: in a file that says who may do what, a typing error must not pass.
 */
export function readConfigFile(file: string, format: ConfigFormat): KubeObject {
  const document = yaml().parseDocument(readText(file));
  const [problem] = document.errors;
  if (problem) throw new Error(`${file} is not YAML: ${problem.message.split('\n', 1)[0]?.replace(/:$/, '')}`);
  return asConfig(document.toJS({ maxAliasCount: 100 }), format, file);
}

/** The same for a value that was read already; `where` is what errors begin with. */
export function asConfig(content: unknown, format: ConfigFormat, where: string): KubeObject {
  const { apiVersions, kind, fields } = format;
  if (!isFields(content) || content['kind'] !== kind || !apiVersions.includes(String(content['apiVersion']))) {
    throw new Error(`${where} must be of kind ${kind} and apiVersion ${apiVersions.join(' or ')}`);
  }
  const schema: Schema = {
    type: 'object',
    properties: { apiVersion: text, kind: text, metadata: anything, ...fields },
  };
  try {
    const { object, unknown } = decodeTyped(content as KubeObject, schema);
    const [first] = unknown;
    if (first !== undefined) throw new Error(`${where}: strict decoding error: unknown field ${JSON.stringify(first)}`);
    return object;
  } catch (error) {
    if (error instanceof ApiError) throw new Error(`${where}: ${error.message}`);
    throw error;
  }
}

/** Refuses a configuration for all that is wrong with it, worded as kube-apiserver words it. */
export function refuseInvalid(where: string, causes: readonly StatusCause[]): void {
  if (causes.length === 0) return;
  const problems = causes.map(({ field, message }) => (field ? `${field}: ${message}` : message));
  throw new Error(`${where}: ${problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`}`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
