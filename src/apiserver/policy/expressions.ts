import {
  type CelBudget,
  CelError,
  type CelFunctions,
  CelMissingError,
  type CelProgram,
  type CelType,
  celType,
  compileCel,
  type Fields,
  formatType,
  type ObjectType,
} from '../../machinery/index.ts';
import { authorizerFunctions, CelAuthorizer, ResourceCheck } from './authorizer.ts';

/** The values of the variables that the expressions of admission read. */
export type Evaluation = Fields;

/** What an expression may read besides the request and its objects. */
export interface Scope {
  params?: boolean;
  /** Defaults to true. */
  authorizer?: boolean;
  /** The types of the policy's own variables that come before it. */
  variables?: Readonly<Record<string, CelType>>;
  /** The type of object, oldObject and params where they are known: for the checks of types in a policy's status. */
  objects?: { object: CelType; params: CelType };
  /** The types that it can make, for mutations. */
  structs?: (name: string) => ObjectType | undefined;
}

export type Compiled = { program: CelProgram; error?: undefined } | { program?: undefined; error: string };

const { string, bool, int, dyn } = celType;
const texts = celType.list(string);
const labels = celType.map(string, string);
const gvk = celType.object('kubernetes.GroupVersionKind', { group: string, version: string, kind: string });
const gvr = celType.object('kubernetes.GroupVersionResource', { group: string, version: string, resource: string });

const REQUEST = celType.object('kubernetes.AdmissionRequest', {
  kind: gvk,
  resource: gvr,
  subResource: string,
  requestKind: gvk,
  requestResource: gvr,
  requestSubResource: string,
  name: string,
  namespace: string,
  operation: string,
  userInfo: celType.object('kubernetes.UserInfo', {
    username: string,
    uid: string,
    groups: texts,
    extra: celType.map(string, texts),
  }),
  dryRun: bool,
  options: dyn,
});

const NAMESPACE = celType.object('kubernetes.Namespace', {
  metadata: celType.object('kubernetes.NamespaceMetadata', {
    name: string,
    generateName: string,
    namespace: string,
    labels,
    annotations: labels,
    UID: string,
    creationTimestamp: celType.timestamp,
    deletionGracePeriodSeconds: int,
    deletionTimestamp: celType.timestamp,
    generation: int,
    resourceVersion: string,
    finalizers: texts,
  }),
  spec: celType.object('kubernetes.NamespaceSpec', { finalizers: texts }),
  status: celType.object('kubernetes.NamespaceStatus', { phase: string }),
});

/** The functions beside CEL's and Kubernetes' own. */
const FUNCTIONS: CelFunctions = {
  ...authorizerFunctions,
  'jsonpatch.escapeKey(string): string': (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1'),
};

function typesOf(scope: Scope): Record<string, CelType> {
  const object = scope.objects?.object ?? dyn;
  return {
    object,
    oldObject: object,
    request: REQUEST,
    namespaceObject: NAMESPACE,
    ...(scope.params ? { params: scope.objects?.params ?? dyn } : {}),
    ...(scope.authorizer === false
      ? {}
      : {
          authorizer: celType.opaque(CelAuthorizer.celType),
          'authorizer.requestResource': celType.opaque(ResourceCheck.celType),
        }),
    ...(scope.variables ? { variables: celType.object('kubernetes.variables', scope.variables) } : {}),
  };
}

/**
 * Compiles an expression of a webhook or policy, or says what is wrong with it as kube-apiserver does.
 * @param results the types of which its value must be; none: any.
 */
export function compileExpression(source: string, scope: Scope, results: readonly CelType[]): Compiled {
  try {
    const program = compileCel(source, {
      variables: typesOf(scope),
      functions: FUNCTIONS,
      ...(scope.structs ? { structs: scope.structs } : {}),
    });
    const type = formatType(program.type);
    const wanted = results.map(formatType);
    if (wanted.length === 0 || wanted.includes(type)) return { program };
    const [only = ''] = wanted;
    const error =
      wanted.length > 1 ? `must evaluate to one of [${wanted.join(' ')}]` : `must evaluate to ${only} but got ${type}`;
    return { error };
  } catch (error) {
    if (error instanceof CelError) return { error: `compilation failed: ${error.report}` };
    throw error;
  }
}

/** The value of an expression (as JSON), or why there is none, as kube-apiserver says it. */
export type Result = { value: unknown; error?: undefined } | { value?: undefined; error: string };

export function evaluateExpression(
  { program, error }: Compiled,
  source: string,
  evaluation: Evaluation,
  budget: CelBudget,
): Result {
  if (!program) return { error };
  try {
    return { value: program.evaluate(evaluation, budget) };
  } catch (problem) {
    if (problem instanceof CelError) return { error: `expression '${source}' resulted in error: ${reasonOf(problem)}` };
    throw problem;
  }
}

export const reasonOf = (error: CelError): string => (error instanceof CelMissingError ? error.reason : error.problem);
