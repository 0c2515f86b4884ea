/** One cause in a Status: which field was wrong, and how (apimachinery meta/v1 StatusCause). */
export interface StatusCause {
  /** 'FieldValueRequired', 'FieldValueInvalid', 'FieldManagerConflict', … */
  reason?: string;
  message?: string;
  field?: string;
}

/** The body of every API error (apimachinery meta/v1 Status). */
export interface Status {
  apiVersion: 'v1';
  kind: 'Status';
  metadata: { continue?: string };
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  code: number;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    causes?: StatusCause[];
    retryAfterSeconds?: number;
  };
}

/** An API error: thrown by the API server's handlers and by every Client call that fails. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: Status['details'];
  constructor(code: number, reason: string, message: string, details?: Status['details']) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The Status object that goes over the wire. */
  toStatus(): Status {
    return {
      apiVersion: 'v1',
      kind: 'Status',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }

  /** The error that a Status from the wire stands for. */
  static fromStatus(status: Partial<Status>, httpCode: number): ApiError {
    const code = status.code ?? httpCode;
    return new ApiError(
      code,
      status.reason ?? 'Unknown',
      status.message ?? `the server answered ${code}`,
      status.details,
    );
  }
}

interface Named {
  group: string;
  resource: string;
}

const qualified = (of: Named): string => (of.group === '' ? of.resource : `${of.resource}.${of.group}`);

/** 404 for an object, worded as kube-apiserver words it. */
export function notFound(of: Named, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualified(of)} "${name}" not found`, {
    name,
    group: of.group || undefined,
    kind: of.resource,
  });
}

/** 409 for an object that exists already. */
export function alreadyExists(of: Named, name: string): ApiError {
  return new ApiError(409, 'AlreadyExists', `${qualified(of)} "${name}" already exists`, {
    name,
    group: of.group || undefined,
    kind: of.resource,
  });
}

/** 409 for a write against an outdated object or a failed precondition. */
export function conflict(of: Named, name: string, why: string): ApiError {
  return new ApiError(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(of)} "${name}": ${why}`, {
    name,
    group: of.group || undefined,
    kind: of.resource,
  });
}

/** 422 with one cause a wrong field, worded as kube-apiserver words it. `kind` is the Kind, not the resource. */
export function invalid(of: { group: string; kind: string }, name: string, causes: readonly StatusCause[]): ApiError {
  const what = of.group === '' ? of.kind : `${of.kind}.${of.group}`;
  return new ApiError(422, 'Invalid', `${what} "${name}" is invalid: ${aggregateOf(causes)}`, {
    name: name || undefined,
    group: of.group || undefined,
    kind: of.kind || undefined,
    causes: [...causes],
  });
}

/** Causes in one line. What is wrong twice is said once. */
export function aggregateOf(causes: readonly StatusCause[]): string {
  const texts = [...new Set(causes.map((cause) => `${cause.field}: ${cause.message}`))];
  return texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]`;
}

/** 400 for a request that cannot be understood. */
export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

/** 500 for what should not have happened, with the reason. */
export function internalError(why: string): ApiError {
  return new ApiError(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] });
}

/** 403, worded as the RBAC authorizer words it. `message` is the whole text after 'forbidden: '. */
export function forbidden(of: Named, name: string, message: string): ApiError {
  const subject = name ? `${qualified(of)} "${name}"` : qualified(of);
  return new ApiError(403, 'Forbidden', `${subject} is forbidden: ${message}`, {
    name: name || undefined,
    group: of.group || undefined,
    kind: of.resource,
  });
}

/** True for an ApiError with this reason ('NotFound', 'Conflict', 'AlreadyExists', …). */
export function isReason(error: unknown, reason: string): boolean {
  return error instanceof ApiError && error.reason === reason;
}
