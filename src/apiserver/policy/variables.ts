import {
  type CelBudget,
  CelError,
  type CelProgram,
  type CelType,
  celType,
  type Fields,
} from '../../machinery/index.ts';
import { textAt } from '../kinds/fields.ts';
import { compileExpression, type Evaluation, reasonOf, type Scope } from './expressions.ts';

/** The variables of a policy: each can read those before it. */
export interface Variables {
  /** Their types by name; dyn for one that cannot be compiled. */
  readonly types: Readonly<Record<string, CelType>>;
  /** What is wrong with each, in their order. */
  readonly errors: readonly (string | undefined)[];
  /** Their values, each worked out when it is first read, and once. */
  values(evaluation: Evaluation, budget: CelBudget): Fields;
}

export function compileVariables(given: readonly Fields[], scope: Scope): Variables {
  const types: Record<string, CelType> = {};
  const compiled: { name: string; program: CelProgram | undefined; error: string | undefined }[] = [];
  for (const variable of given) {
    const name = textAt(variable, 'name');
    const source = textAt(variable, 'expression');
    const { program, error } = compileExpression(source, { ...scope, variables: { ...types } }, []);
    compiled.push({ name, program, error });
    types[name] = program?.type ?? celType.dyn;
  }
  return {
    types,
    errors: compiled.map(({ error }) => error),
    values(evaluation, budget) {
      const values: Fields = {};
      for (const { name, program, error } of compiled) {
        let known: { value: unknown } | undefined;
        Object.defineProperty(values, name, {
          enumerable: true,
          configurable: true,
          get() {
            if (!program) throw new Error(`composited variable "${name}" fails to compile: ${error}`);
            known ??= { value: evaluated(program, name, evaluation, budget) };
            return known.value;
          },
        });
      }
      return values;
    },
  };
}

function evaluated(program: CelProgram, name: string, evaluation: Evaluation, budget: CelBudget): unknown {
  try {
    return program.value(evaluation, budget);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    throw new Error(`composited variable "${name}" fails to evaluate: ${reasonOf(error)}`);
  }
}
