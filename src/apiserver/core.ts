import type { KubeObject } from '../machinery/index.ts';
import type { Admission } from './admission/admission.ts';
import type { VirtualHandler } from './auth/virtual-handlers.ts';
import type { UserInfo } from './contracts.ts';
import type { Registry } from './registry/registry.ts';
import type { Computed } from './rest/computed.ts';
import type { Store } from './store/store.ts';

/** What every handler works with. */
export interface Core {
  readonly store: Store;
  readonly registry: Registry;
  readonly admission: Admission;
  /** By 'resource.group', and 'serviceaccounts/token'. */
  readonly virtual: ReadonlyMap<string, VirtualHandler>;
  /** By 'resource.group': what is not stored but worked out when somebody asks. */
  readonly computed: ReadonlyMap<string, Computed>;
  /** Throws ApiError 403 when a write to an RBAC object would grant more than its writer has. */
  checkEscalation(user: UserInfo, object: KubeObject, old: KubeObject | undefined): void;
}
