import type { KubeObject } from '../../machinery/index.ts';
import type { Authorizer, Decision, ObjectReader, UserInfo } from '../contracts.ts';
import { checkEscalation } from './escalation.ts';
import { EVERYTHING, type PolicyRule } from './policy-rule.ts';
import { createRbac, type Rbac } from './rbac.ts';

/** An Authorizer that can also say what a user may do, and guards the writes that grant permissions. */
export interface PolicyAuthorizer extends Authorizer {
  /** Every rule that applies to the user in the namespace ('' for the cluster). */
  rulesFor(user: UserInfo, namespace: string): readonly PolicyRule[];
  /** Which roles of the user's bindings do not exist, in words; '' if all do. */
  missingRoles(user: UserInfo, namespace: string): string;
  /**
   * To be called before each create and update of a Role, ClusterRole, RoleBinding or ClusterRoleBinding (any other object
   * passes). Throws ApiError 403 if the user would hand out permissions that they do not have.
   */
  checkEscalation(user: UserInfo, object: KubeObject, old: KubeObject | undefined): void;
  /** Stops following roles and bindings. */
  stop(): void;
}

const MODES = ['RBAC', 'AlwaysAllow', 'AlwaysDeny'] as const;
type Mode = (typeof MODES)[number];

/**
 * The authorizer for `--authorization-mode` ('RBAC', 'AlwaysAllow', 'AlwaysDeny', or several with commas between them: what
 * one of them allows is allowed). Members of system:masters may do anything in every mode, as in kube-apiserver.
 * Throws an Error for any other mode, and for one given twice.
 */
export function createAuthorizer(modes: string, reader: ObjectReader): PolicyAuthorizer {
  const chosen = parseModes(modes);
  const alwaysAllow = chosen.includes('AlwaysAllow');
  const rbac: Rbac | undefined = chosen.includes('RBAC') ? createRbac(reader) : undefined;
  const otherwise = chosen.includes('AlwaysDeny') ? 'Everything is forbidden.' : '';

  const authorizer: PolicyAuthorizer = {
    authorize(user, request): Decision {
      if (user.groups.includes('system:masters') || alwaysAllow) return { allowed: true, reason: '' };
      const decision = rbac?.authorize(user, request);
      return decision?.allowed || decision?.reason ? decision : { allowed: false, reason: otherwise };
    },
    rulesFor(user, namespace) {
      if (alwaysAllow) return EVERYTHING;
      return rbac?.rulesFor(user, namespace) ?? [];
    },
    missingRoles: (user, namespace) => rbac?.missingRoles(user, namespace) ?? '',
    checkEscalation(user, object, old) {
      if (rbac && !alwaysAllow) checkEscalation(rbac, authorizer, user, object, old);
    },
    stop: () => rbac?.stop(),
  };
  return authorizer;
}

function parseModes(text: string): Mode[] {
  const names = text.split(',').map((name) => name.trim());
  return names.map((name, index) => {
    if (names.indexOf(name) !== index) throw new Error(`--authorization-mode ${text}: ${name} is given more than once`);
    const mode = MODES.find((known) => known === name);
    if (mode) return mode;
    const known = MODES.join(', ');
    if (name === 'Node' || name === 'ABAC' || name === 'Webhook') {
      throw new Error(`--authorization-mode ${text}: ${name} is not supported here; the modes that are: ${known}`);
    }
    throw new Error(`--authorization-mode ${text}: ${JSON.stringify(name)} is not a mode; the modes are: ${known}`);
  });
}
