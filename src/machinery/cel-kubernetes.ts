import type { Environment } from '@marcbachmann/cel-js';
import { declareIn } from './cel-declare.ts';
import { addNetwork } from './cel-network.ts';
import { addSemver } from './cel-semver.ts';
import {
  addQuantity,
  compareQuantity,
  parseQuantity,
  type Quantity,
  quantityError,
  quantityToNumber,
} from './quantity.ts';
import { cachedRe2 } from './re2.ts';

/** What `matches` is called inside: the library's own uses JavaScript's engine, which a pattern can make run for ever. */
export const MATCHES = 'matchesRe2';

/**
 * The libraries that Kubernetes adds to CEL (https://kubernetes.io/docs/reference/using-api/cel/): quantities, URLs,
 * addresses, versions, and `matches` with RE2.
 */
export function addKubernetes(environment: Environment): void {
  const add = declareIn(environment);
  add(`string.${MATCHES}(string): bool`, (text: string, pattern: string) => cachedRe2(pattern).test(text));
  addQuantities(environment);
  addNetwork(environment);
  addSemver(environment);
}

class CelQuantity {
  readonly amount: Quantity;
  constructor(amount: Quantity) {
    this.amount = amount;
  }
}

const nano = 1_000_000_000n;

function addQuantities(environment: Environment): void {
  const add = declareIn(environment);
  environment.registerType('Quantity', CelQuantity);
  add('quantity(string): Quantity', (text: string) => new CelQuantity(parseQuantity(text)));
  add('isQuantity(string): bool', (text: string) => quantityError(text) === undefined);
  const order = (a: CelQuantity, b: CelQuantity) => compareQuantity(a.amount, b.amount);
  add('Quantity.isGreaterThan(Quantity): bool', (a: CelQuantity, b: CelQuantity) => order(a, b) > 0);
  add('Quantity.isLessThan(Quantity): bool', (a: CelQuantity, b: CelQuantity) => order(a, b) < 0);
  add('Quantity.compareTo(Quantity): int', (a: CelQuantity, b: CelQuantity) => BigInt(Math.sign(order(a, b))));
  add('Quantity.sign(): int', (a: CelQuantity) => (a.amount.nanos > 0n ? 1n : a.amount.nanos < 0n ? -1n : 0n));
  add('Quantity.isInteger(): bool', (a: CelQuantity) => a.amount.nanos % nano === 0n);
  add('Quantity.asInteger(): int', (a: CelQuantity) => {
    if (a.amount.nanos % nano !== 0n) throw new Error('cannot convert value to integer');
    return a.amount.nanos / nano;
  });
  add('Quantity.asApproximateFloat(): double', (a: CelQuantity) => quantityToNumber(a.amount));
  const sum = (a: Quantity, b: Quantity) => new CelQuantity(addQuantity(a, b));
  add('Quantity.add(Quantity): Quantity', (a: CelQuantity, b: CelQuantity) => sum(a.amount, b.amount));
  add('Quantity.add(int): Quantity', (a: CelQuantity, b: bigint) => sum(a.amount, { ...a.amount, nanos: b * nano }));
  const minus = (b: Quantity): Quantity => ({ ...b, nanos: -b.nanos });
  add('Quantity.sub(Quantity): Quantity', (a: CelQuantity, b: CelQuantity) => sum(a.amount, minus(b.amount)));
  add('Quantity.sub(int): Quantity', (a: CelQuantity, b: bigint) => sum(a.amount, { ...a.amount, nanos: -b * nano }));
  environment.registerOperator('Quantity == Quantity', (a: CelQuantity, b: CelQuantity) => order(a, b) === 0);
}
