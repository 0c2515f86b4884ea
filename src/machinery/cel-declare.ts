import type { Environment } from '@marcbachmann/cel-js';

type Handler = (...args: never[]) => unknown;

/** Adds functions to an environment. All of ours are synchronous: saying so lets the library skip its promise checks. */
export function declareIn(environment: Environment): (signature: string, handler: Handler) => void {
  return (signature, handler) => void environment.registerFunction(signature, handler, { async: false });
}

/** Declares a namespace variable such as `json` and returns its type, on which functions hang as methods. */
export function namespaceIn(environment: Environment, name: string): string {
  const type = `${name}Namespace`;
  class Namespace {}
  environment.registerType(type, Namespace);
  environment.registerConstant(name, type, new Namespace());
  return type;
}
