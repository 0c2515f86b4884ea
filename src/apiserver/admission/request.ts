import type { KubeObject } from '../../machinery/index.ts';
import type { UserInfo } from '../contracts.ts';
import type { Registration } from '../registry/registration.ts';

/** What an admission plugin is asked about. */
export interface AdmissionRequest {
  operation: 'CREATE' | 'UPDATE' | 'DELETE';
  registration: Registration;
  user: UserInfo;
  /** May be changed in place, but for DELETE. */
  object: KubeObject;
  old: KubeObject | undefined;
  subresource?: string;
  dryRun: boolean;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
  /** Adds an annotation to the request's audit event: 'pod-security.kubernetes.io/enforce-policy'. */
  annotate(key: string, value: string): void;
}
