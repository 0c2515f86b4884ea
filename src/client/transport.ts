/** One API request, already on the level of Kubernetes paths: what HTTP and the in-process door have in common. */
export interface TransportRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** The path without query: '/apis/apps/v1/namespaces/a/deployments'. */
  path: string;
  query?: Record<string, string | undefined>;
  /** A JSON value. The receiver must not change it. */
  body?: unknown;
  /** The media type of the body; 'application/json' unless it is a patch. */
  contentType?: string;
  /** Of objects, only their metadata is wanted. A server may answer with more. */
  metadataOnly?: boolean;
  signal?: AbortSignal;
}

/** An event as it comes over the wire, before errors are turned into exceptions. */
export interface RawWatchEvent {
  type: string;
  object: Record<string, unknown>;
}

/** How a Client reaches an API server: over HTTPS, or in the same process. */
export interface Transport {
  /** The parsed JSON answer; a string when the answer is text/plain (a log). Throws ApiError for any status of 400 or more. */
  request(request: TransportRequest): Promise<unknown>;
  /** The events of a watch (query has watch=true) until the server or the signal ends it. Throws ApiError if refused. */
  watch(request: TransportRequest): AsyncIterable<RawWatchEvent>;
}
