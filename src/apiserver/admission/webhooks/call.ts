import { ApiError, badRequest, isFields, type Status } from '../../../machinery/index.ts';
import type { Registration } from '../../registry/registration.ts';
import { WebhookCallError, type WebhookCaller } from '../../webhooks/caller.ts';
import type { AdmissionRequest } from '../request.ts';
import type { Hook } from './hooks.ts';
import { type Answer, answerOf, reviewFor } from './review.ts';

/** A webhook could not be asked, or its answer not be understood: its failurePolicy says what that means. */
export class WebhookFailure extends Error {
  /** What metrics count it under: upstream's. */
  readonly code: number;

  constructor(message: string, code = 503) {
    super(message);
    this.code = code;
  }
}

/** A webhook says no. */
export class WebhookDenial extends ApiError {}

/**
 * Asks a webhook about a request and passes on its warnings and annotations.
 * @throws WebhookFailure; ApiError 400 for a dry run that it does not support, and with its own status when it refuses.
 */
export async function askWebhook(
  caller: WebhookCaller,
  hook: Hook,
  request: AdmissionRequest,
  target: Registration,
  mutating: boolean,
): Promise<Answer> {
  if (request.dryRun && !hook.dryRun) {
    throw badRequest(`admission webhook ${JSON.stringify(hook.name)} does not support dry run`);
  }
  const answer = await answerFrom(caller, hook, request, target, mutating);
  for (const [key, value] of Object.entries(answer.auditAnnotations)) request.annotate(`${hook.name}/${key}`, value);
  answer.warnings.forEach(request.warn);
  if (!answer.allowed) throw denial(hook.name, answer.status ?? {});
  return answer;
}

async function answerFrom(
  caller: WebhookCaller,
  hook: Hook,
  request: AdmissionRequest,
  target: Registration,
  mutating: boolean,
): Promise<Answer> {
  const { reviewVersion, clientConfig, timeoutSeconds } = hook;
  if (!reviewVersion) {
    const why = 'webhook does not accept known AdmissionReview versions (v1, v1beta1)';
    throw new WebhookFailure(`could not create admission objects: ${why}`, 400);
  }
  const review = reviewFor(request, target, reviewVersion);
  const said = await caller.call(clientConfig, review, timeoutSeconds).catch((error: unknown) => {
    if (error instanceof WebhookCallError) throw new WebhookFailure(`failed to call webhook: ${error.message}`);
    throw error;
  });
  const other = reviewVersion === 'v1' ? 'v1beta1' : 'v1';
  if (isFields(said) && said['apiVersion'] === `admission.k8s.io/${other}`) {
    const conversion = `converting (${other}.AdmissionReview) to (${reviewVersion}.AdmissionReview)`;
    throw new WebhookFailure(`failed to call webhook: ${conversion}: unknown conversion`);
  }
  try {
    return answerOf(said, review.request.uid, reviewVersion, mutating);
  } catch (error) {
    if (error instanceof Error) throw new WebhookFailure(`received invalid webhook response: ${error.message}`);
    throw error;
  }
}

/** A refusal in the webhook's own terms; one that claims success is a 400. */
function denial(name: string, { code = 0, reason = '', message = '', details }: Partial<Status>): ApiError {
  const by = `admission webhook ${JSON.stringify(name)} denied the request`;
  const why = message || reason;
  const text = why === '' ? `${by} without explanation` : `${by}: ${why}`;
  return new WebhookDenial(Math.max(400, code), reason, text, details);
}
