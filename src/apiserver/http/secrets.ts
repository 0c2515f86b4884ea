import type { ServerResponse } from 'node:http';
import { ApiError } from '../../machinery/index.ts';
import type { SecretKeeping } from '../store/backend.ts';
import { sendBytes, sendError } from './respond.ts';

/** Where `homeport secrets` asks a running server: GET for the status, POST for a new key. For cluster administrators. */
const PATH = '/homeport/secrets';

/** Answers the path of the keys of Secrets; false for any other. */
export function serveSecrets(
  secrets: SecretKeeping | undefined,
  path: string,
  verb: string,
  response: ServerResponse,
): boolean {
  const action = actionOf(secrets, `${verb} ${path}`);
  if (action === undefined) return false;
  action().then(
    (value) => sendBytes(response, 200, 'application/json', Buffer.from(JSON.stringify(value))),
    (error: unknown) => sendError(response, error instanceof Error ? failed(error) : error),
  );
  return true;
}

function actionOf(secrets: SecretKeeping | undefined, what: string): (() => Promise<object>) | undefined {
  if (what === `get ${PATH}`) return secrets?.status;
  return what === `post ${PATH}/rotate` ? secrets?.rotate : undefined;
}

function failed({ message }: Error): ApiError {
  return new ApiError(500, 'InternalError', `Internal error occurred: ${message}`);
}
