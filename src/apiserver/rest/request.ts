import type { Page } from '../cache/list.ts';
import type { Watch } from '../cache/watch.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import type { Registration } from '../registry/registration.ts';
import type { Entry } from '../store/entry.ts';

/** A request body as it came: bytes over HTTP, a value in process. Values are shared: decoding copies. */
export type Body = { bytes: Buffer } | { value: unknown };

/** One authorized request for a resource, however it came in. */
export interface ApiRequest {
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
  /** Names the field manager when the query does not. */
  readonly userAgent: string;
  /** The media type of the body without parameters, lower case; '' when the client gave none. */
  readonly contentType: string;
  readonly body: Body;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
  /** Adds an annotation to the request's audit event. */
  annotate(key: string, value: string): void;
}

/** What a handler answers, before anything is rendered: stored objects stay bytes until someone asks for more. */
export type Outcome =
  | { kind: 'entry'; code: number; registration: Registration; entry: Entry }
  | { kind: 'list'; registration: Registration; page: Page }
  | { kind: 'watch'; registration: Registration; watch: Watch; timeoutSeconds: number; bookmarks: boolean }
  | { kind: 'value'; code: number; value: object };
