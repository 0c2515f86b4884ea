import type { KubeObject } from '../../machinery/index.ts';
import { AGE, ageOf, column, formatSelector, NAME, table } from './table.ts';

const UNSET = '<unset>';

/** MutatingWebhookConfigurations and ValidatingWebhookConfigurations. */
export const webhooksPrinter = table<KubeObject & { webhooks?: unknown[] }>(
  [NAME, column('Webhooks', 'How many webhooks it registers.', 'integer'), AGE],
  (configuration, now) => [configuration.metadata.name, configuration.webhooks?.length ?? 0, ageOf(configuration, now)],
);

interface PolicySpec {
  paramKind?: { apiVersion: string; kind: string };
  validations?: unknown[];
  mutations?: unknown[];
}

const policyPrinter = (rules: 'validations' | 'mutations', name: string) =>
  table<KubeObject<PolicySpec>>(
    [
      NAME,
      column(name, `How many ${rules} it has.`, 'integer'),
      column('ParamKind', 'The kind of its parameters.'),
      AGE,
    ],
    (policy, now) => {
      const { paramKind } = policy.spec ?? {};
      const kind = paramKind ? `${paramKind.apiVersion}/${paramKind.kind}` : UNSET;
      return [policy.metadata.name, policy.spec?.[rules]?.length ?? 0, kind, ageOf(policy, now)];
    },
  );

export const validatingPolicyPrinter = policyPrinter('validations', 'Validations');
export const mutatingPolicyPrinter = policyPrinter('mutations', 'Mutations');

interface BindingSpec {
  policyName?: string;
  paramRef?: { name?: string; namespace?: string; selector?: Parameters<typeof formatSelector>[0] };
}

/** The bindings of either kind of policy. */
export const policyBindingPrinter = table<KubeObject<BindingSpec>>(
  [NAME, column('PolicyName', 'The policy that it puts to use.'), column('ParamRef', 'Its parameters.'), AGE],
  (binding, now) => {
    const { policyName = '', paramRef } = binding.spec ?? {};
    return [binding.metadata.name, policyName, paramText(paramRef), ageOf(binding, now)];
  },
);

function paramText(paramRef: BindingSpec['paramRef']): string {
  // Whether a parameter is in a namespace cannot be told from here.
  if (paramRef?.name) return `${paramRef.namespace || '*'}/${paramRef.name}`;
  return paramRef?.selector ? formatSelector(paramRef.selector) : UNSET;
}
