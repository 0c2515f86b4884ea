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
}
