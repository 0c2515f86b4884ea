import { randomUUID } from 'node:crypto';
import {
  ApiError,
  type Fields,
  isFields,
  type KubeObject,
  labelValueErrors,
  qualifiedNameErrors,
} from '../../machinery/index.ts';
import type { DefinitionConversion } from '../crd/index.ts';
import { WebhookCallError, type WebhookCaller } from '../webhooks/caller.ts';
import type { WebhookClientConfig } from '../webhooks/client-config.ts';

/** Brings objects of one resource, all of any other version, to a version of it. Throws ApiError 500. */
export type Convert = (objects: readonly KubeObject[], apiVersion: string) => Promise<KubeObject[]>;

/** How long a conversion may take, in seconds (upstream's). */
const TIMEOUT = 30;
const API = 'apiextensions.k8s.io';

/**
 * Conversion by a CRD's webhook (apiextensions.k8s.io ConversionReview): all objects in one call.
 * undefined for a CRD whose versions differ in nothing but their name.
 */
export function conversionOf(conversion: DefinitionConversion | undefined, caller: WebhookCaller): Convert | undefined {
  if (conversion?.strategy !== 'Webhook') return undefined;
  const { clientConfig = {}, conversionReviewVersions = [] } = conversion.webhook ?? {};
  const review = conversionReviewVersions.find((version) => version === 'v1' || version === 'v1beta1') ?? 'v1';
  return async (objects, apiVersion) => {
    const [first] = objects;
    if (!first) return [];
    const webhook = `conversion webhook for ${kindOf(first)}`;
    const uid = randomUUID();
    const request = { uid, desiredAPIVersion: apiVersion, objects };
    const question = { kind: 'ConversionReview', apiVersion: `${API}/${review}`, request };
    const answer = await ask(caller, clientConfig as WebhookClientConfig, question, webhook);
    const converted = convertedObjects(answer, { uid, review, webhook });
    if (converted.length !== objects.length) {
      throw failure(`${webhook} returned ${converted.length} objects, expected ${objects.length}`);
    }
    return objects.map((object, i) => checked(object, converted[i], { apiVersion, webhook, index: i }));
  };
}

/** Go's way to name a kind: 'stable.example.com/v1, Kind=CronTab'. */
const kindOf = ({ apiVersion, kind }: KubeObject): string => `${apiVersion}, Kind=${kind}`;

const failure = (message: string): ApiError => new ApiError(500, '', message);

async function ask(
  caller: WebhookCaller,
  config: WebhookClientConfig,
  question: unknown,
  webhook: string,
): Promise<unknown> {
  try {
    return await caller.call(config, question, TIMEOUT);
  } catch (error) {
    if (error instanceof WebhookCallError) throw failure(`${webhook} failed: ${error.message}`);
    throw error;
  }
}

interface Expected {
  uid: string;
  review: string;
  webhook: string;
}

function convertedObjects(answer: unknown, { uid, review, webhook }: Expected): readonly unknown[] {
  const { apiVersion = '', kind = '', response } = isFields(answer) ? answer : {};
  const fail = (why: string): never => {
    throw failure(`${webhook} failed: ${why}`);
  };
  // Upstream never looked at these in v1beta1.
  if (review === 'v1' && (apiVersion !== `${API}/v1` || kind !== 'ConversionReview')) {
    fail(`expected webhook response of ${API}/v1, Kind=ConversionReview, got ${apiVersion}, Kind=${kind}`);
  }
  if (!isFields(response)) return fail('no response provided');
  if (review === 'v1' && response['uid'] !== uid) {
    fail(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'] ?? '')}`);
  }
  const { status = '', message = '' } = isFields(response['result']) ? response['result'] : {};
  if (status !== 'Success') fail(String(message) || `response.result.status was '${status}', not 'Success'`);
  const objects = response['convertedObjects'];
  return Array.isArray(objects) ? objects : [];
}

interface Place {
  apiVersion: string;
  webhook: string;
  index: number;
}

/** A converted object with the metadata of the original: a webhook may only change labels and annotations. */
function checked(original: KubeObject, converted: unknown, { apiVersion, webhook, index }: Place): KubeObject {
  const fail = (why: string, what = 'invalid object'): never => {
    throw failure(`${webhook} returned ${what} at index ${index}: ${why}`);
  };
  if (!isFields(converted)) return fail('not an object');
  if (converted['apiVersion'] !== apiVersion) {
    fail(`invalid groupVersion (expected ${apiVersion}, received ${converted['apiVersion'] ?? ''})`);
  }
  if (converted['kind'] !== original.kind) {
    fail(`invalid kind (expected ${original.kind}, received ${converted['kind'] ?? ''})`);
  }
  const { metadata } = converted;
  if (!isFields(metadata)) return fail('missing metadata in converted object', 'invalid metadata');
  for (const [field, shown] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    const [before, after] = [original.metadata[field] ?? '', metadata[field] ?? ''];
    if (before !== after) fail(`must have the same ${shown}: ${before} != ${after}`);
  }
  const problem = mapProblem(metadata);
  if (problem) fail(problem, 'invalid metadata');
  const { labels: _, annotations: __, ...kept } = original.metadata;
  const { labels, annotations } = metadata as { labels?: Record<string, string>; annotations?: Record<string, string> };
  return {
    ...(converted as Fields),
    apiVersion,
    kind: original.kind,
    metadata: { ...kept, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
  };
}

/** What is wrong with the labels and annotations of a converted object. */
function mapProblem(metadata: Fields): string | undefined {
  for (const field of ['labels', 'annotations'] as const) {
    const map = metadata[field];
    if (map === undefined || map === null) continue;
    if (!isFields(map)) return `invalid metadata.${field} in converted object`;
    const wrong = Object.entries(map).find(([, value]) => typeof value !== 'string');
    if (wrong) return `metadata.${field}[${wrong[0]}] must be a string in converted object`;
    for (const [key, value] of Object.entries(map)) {
      const [error] = [
        ...qualifiedNameErrors(field === 'labels' ? key : key.toLowerCase()),
        ...(field === 'labels' ? labelValueErrors(String(value)) : []),
      ];
      if (error) return `metadata.${field}: Invalid value: ${JSON.stringify(key)}: ${error}`;
    }
  }
  return undefined;
}
