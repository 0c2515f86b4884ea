import type { Fields } from '../../../machinery/index.ts';
import { objectAt, objectsAt } from '../../kinds/fields.ts';
import type { Scope } from '../../policy/expressions.ts';
import { compileConditions, type MatchConditions } from '../../policy/match-conditions.ts';
import { compileVariables, type Variables } from '../../policy/variables.ts';

/** What both kinds of policy have before what they judge or change. */
export interface Head {
  conditions: MatchConditions;
  variables: Variables;
}

/** Compiles the conditions and variables of a policy; `scope` is what its other expressions may read. */
export function compileHead(spec: Fields): Head & { scope: Scope } {
  const params = objectAt(spec, 'paramKind') !== undefined;
  const variables = compileVariables(objectsAt(spec, 'variables'), { params });
  const ignores = spec['failurePolicy'] === 'Ignore';
  return {
    conditions: compileConditions(objectsAt(spec, 'matchConditions'), ignores, params),
    variables,
    scope: { params, variables: variables.types },
  };
}
