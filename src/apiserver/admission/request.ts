import type { Fields, KubeObject } from '../../machinery/index.ts';
import type { UserInfo } from '../contracts.ts';
import type { Registration } from '../registry/registration.ts';
import type { Steps } from '../rest/steps.ts';

/** A write from its first decision to its end; what it reserves is its own until then. */
export interface Flight {
  over: boolean;
  /** What is to be written beside the object, in the turn in which its write is queued: what it uses of a quota. */
  beside?: (() => void) | undefined;
}

/** What an admission plugin is asked about (apiserver's admission.Attributes). */
export interface AdmissionRequest {
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  registration: Registration;
  user: UserInfo;
  /**
   * The new object; for DELETE the one that goes, for CONNECT the options (PodExecOptions and the like). While it is being
   * completed it may be changed in place or put in place of.
   */
  object: KubeObject;
  old: KubeObject | undefined;
  /** Absent for the resource itself. With 'scale', 'binding', 'eviction' and 'token' the object is of that subresource's kind. */
  subresource?: string;
  /** '' while a new object's name is still to be generated. */
  name: string;
  /** '' for cluster-scoped resources. */
  namespace: string;
  /** CreateOptions, UpdateOptions, PatchOptions or DeleteOptions; undefined for CONNECT. */
  options: Fields | undefined;
  dryRun: boolean;
  readonly flight: Flight;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
  /** Adds an annotation to the request's audit event: 'pod-security.kubernetes.io/enforce-policy'. */
  annotate(key: string, value: string): void;
}

/** An admission plugin. Both parts run in the turn in which a write is decided: neither waits. */
export interface AdmissionPlugin {
  /** Upstream's name, as in --enable-admission-plugins. */
  readonly name: string;
  /** Completes the object in place, or throws ApiError (403 as a rule). May run twice for one write: it is idempotent. */
  mutate?(request: AdmissionRequest, rounds: Rounds): void;
  /** Looks at the finished object and throws ApiError to refuse it. Changes nothing. */
  validate?(request: AdmissionRequest): void;
}

/** What mutating admission remembers of one write, so that those who saw it before a later change can see it again. */
export interface Rounds {
  /** True in the second round, in which only those are asked again who want that (reinvocationPolicy IfNeeded). */
  readonly again: boolean;
  /** To be set when something was changed: everything has another look then. */
  changed: boolean;
  /** By part of admission: what it keeps between the rounds. */
  readonly memory: Map<string, Reinvocation>;
}

/** Who is to be asked again, by an id of its own. */
export interface Reinvocation {
  /** Asked since the last change, and wants to be asked again after the next. */
  readonly seen: Set<string>;
  readonly due: Set<string>;
  /** The object as this part left it. */
  last: KubeObject | undefined;
}

/** Policies and webhooks: admission that may have to wait for what is outside this process. */
export interface WaitingAdmission {
  mutate(request: AdmissionRequest, rounds: Rounds): Steps<void>;
  validate(request: AdmissionRequest): Steps<void>;
}

/** True for the creation of a pod (and not of something below one). */
export function isNewPod(request: AdmissionRequest): boolean {
  return isOperationOn(request, 'CREATE', '', 'pods');
}

/** True for an operation on objects of a resource themselves. */
export function isOperationOn(
  { operation, registration, subresource }: AdmissionRequest,
  wanted: AdmissionRequest['operation'],
  group: string,
  resource: string,
): boolean {
  const { served } = registration;
  return operation === wanted && subresource === undefined && served.group === group && served.resource === resource;
}

/** What a refusal calls the object: by its name, or while it has none, by what the name is to begin with. */
export function nameInRefusal(object: KubeObject, name = ''): string {
  return name || object.metadata.name || object.metadata.generateName || 'Unknown';
}
