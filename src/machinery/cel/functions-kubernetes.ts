import {
  addQuantity,
  compareQuantity,
  parseQuantity,
  type Quantity,
  quantityError,
  quantityToNumber,
} from '../quantity.ts';
import { CelFault } from './fault.ts';
import type { CelFunctions } from './signature.ts';

class CelQuantity {
  static readonly celType = 'kubernetes.Quantity';
  readonly amount: Quantity;
  constructor(amount: Quantity) {
    this.amount = amount;
  }
  equals(other: CelQuantity): boolean {
    return compareQuantity(this.amount, other.amount) === 0;
  }
}

const nano = 1_000_000_000n;
const order = (a: CelQuantity, b: CelQuantity): number => compareQuantity(a.amount, b.amount);
const sum = (a: Quantity, b: Quantity): CelQuantity => new CelQuantity(addQuantity(a, b));
const minus = (b: Quantity): Quantity => ({ ...b, nanos: -b.nanos });
const whole = (a: Quantity, nanos: bigint): Quantity => ({ ...a, nanos });
const isInteger = ({ amount }: CelQuantity): boolean => {
  const value = amount.nanos / nano;
  return amount.nanos % nano === 0n && value < 2n ** 63n && value >= -(2n ** 63n);
};

/** Kubernetes' quantity library (https://kubernetes.io/docs/reference/using-api/cel/). */
export const quantities: CelFunctions = {
  'quantity(string): kubernetes.Quantity': (text: string) => {
    const error = quantityError(text);
    if (error !== undefined) throw new CelFault(error);
    return new CelQuantity(parseQuantity(text));
  },
  'isQuantity(string): bool': (text: string) => quantityError(text) === undefined,
  '(kubernetes.Quantity).isGreaterThan(kubernetes.Quantity): bool': (a: CelQuantity, b: CelQuantity) => order(a, b) > 0,
  '(kubernetes.Quantity).isLessThan(kubernetes.Quantity): bool': (a: CelQuantity, b: CelQuantity) => order(a, b) < 0,
  '(kubernetes.Quantity).compareTo(kubernetes.Quantity): int': (a: CelQuantity, b: CelQuantity) =>
    BigInt(Math.sign(order(a, b))),
  '(kubernetes.Quantity).sign(): int': ({ amount }: CelQuantity) =>
    amount.nanos > 0n ? 1n : amount.nanos < 0n ? -1n : 0n,
  '(kubernetes.Quantity).isInteger(): bool': isInteger,
  '(kubernetes.Quantity).asInteger(): int': (a: CelQuantity) => {
    if (!isInteger(a)) throw new CelFault('cannot convert value to integer');
    return a.amount.nanos / nano;
  },
  '(kubernetes.Quantity).asApproximateFloat(): double': ({ amount }: CelQuantity) => quantityToNumber(amount),
  '(kubernetes.Quantity).add(kubernetes.Quantity): kubernetes.Quantity': (a: CelQuantity, b: CelQuantity) =>
    sum(a.amount, b.amount),
  '(kubernetes.Quantity).add(int): kubernetes.Quantity': (a: CelQuantity, b: bigint) =>
    sum(a.amount, whole(a.amount, b * nano)),
  '(kubernetes.Quantity).sub(kubernetes.Quantity): kubernetes.Quantity': (a: CelQuantity, b: CelQuantity) =>
    sum(a.amount, minus(b.amount)),
  '(kubernetes.Quantity).sub(int): kubernetes.Quantity': (a: CelQuantity, b: bigint) =>
    sum(a.amount, whole(a.amount, -b * nano)),
};
