import { badRequest } from './status.ts';

type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/**
 * A Kubernetes quantity ('100m', '1.5Gi', '12e6'), exact to a billionth: `nanos` is the amount times 10^9
 * (apimachinery resource.Quantity).
 */
export interface Quantity {
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

const nano = 10n ** 9n;
const shape = /^([+-]?)(\d*)(?:\.(\d*))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,10}))?$/;
const decimalExponents: Record<string, number> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const maxBinary = (2n ** 63n - 1n) * nano;

/** Text longer than this is refused unread, so that hostile digits and exponents cost nothing. */
const maxLength = 100;
const maxExponent = 100;

const formatMessage = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Parses a quantity. Throws ApiError 400 with upstream's words; values below a billionth round away from zero. */
export function parseQuantity(text: string | number): Quantity {
  const source = String(text);
  const match = source.length > maxLength ? null : shape.exec(source);
  if (!match) {
    const suffixed = /^[+-]?[0-9.]+[eEinumkKMGTP]+[-+]?[0-9]*$/.test(source.slice(0, maxLength));
    throw badRequest(suffixed ? "unable to parse quantity's suffix" : formatMessage);
  }
  const [, sign, whole = '', fraction = '', suffix = '', exponent] = match;
  if (whole === '' && fraction === '') throw badRequest(formatMessage);
  const digits = BigInt(whole + fraction);
  const [base, power, format] = scaleOf(suffix, exponent);
  if (Math.abs(power) > maxExponent) throw badRequest(formatMessage);
  const magnitude = clamp(toNanos(digits, fraction.length, base, power), format);
  const belowOne = format === 'BinarySI' && magnitude > 0n && magnitude < nano;
  return { nanos: sign === '-' ? -magnitude : magnitude, format: belowOne ? 'DecimalSI' : format };
}

function scaleOf(suffix: string, exponent: string | undefined): [10 | 2, number, QuantityFormat] {
  if (exponent !== undefined) return [10, Number(exponent), 'DecimalExponent'];
  if (suffix.endsWith('i')) return [2, binarySuffixes.indexOf(suffix) * 10, 'BinarySI'];
  return [10, decimalExponents[suffix] ?? 0, 'DecimalSI'];
}

function toNanos(digits: bigint, fractionDigits: number, base: 10 | 2, power: number): bigint {
  const scaled = base === 2 ? digits << BigInt(power) : digits;
  const shift = 9 - fractionDigits + (base === 10 ? power : 0);
  if (shift >= 0) return scaled * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  return (scaled + divisor - 1n) / divisor;
}

const clamp = (nanos: bigint, format: QuantityFormat): bigint =>
  format === 'BinarySI' && nanos > maxBinary ? maxBinary : nanos;

/** What is wrong with the text of a quantity, or undefined. */
export function quantityError(text: unknown): string | undefined {
  if (typeof text !== 'string' && typeof text !== 'number') return formatMessage;
  try {
    parseQuantity(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Negative, zero or positive, as a is less than, equal to or greater than b. */
export function compareQuantity(a: Quantity, b: Quantity): number {
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
}

/** The sum, in the format of a (of b if a is zero). */
export function addQuantity(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

/** The amount as a number of units; beyond 2^53 it is approximate. */
export function quantityToNumber(quantity: Quantity): number {
  const whole = quantity.nanos / nano;
  return Number(whole) + Number(quantity.nanos % nano) / 1e9;
}

/** The canonical text: no fraction, the greatest suffix that keeps the value exact ('1500m', '1Gi', '12e6'). */
export function formatQuantity(quantity: Quantity): string {
  const { nanos, format } = quantity;
  if (nanos === 0n) return '0';
  const magnitude = nanos < 0n ? -nanos : nanos;
  const text =
    format === 'BinarySI' && magnitude >= 1024n * nano && magnitude % nano === 0n
      ? binaryText(magnitude / nano)
      : decimalText(magnitude, format);
  return nanos < 0n ? `-${text}` : text;
}

function binaryText(units: bigint): string {
  let rest = units;
  let step = 0;
  while (rest % 1024n === 0n && step < binarySuffixes.length - 1) {
    rest /= 1024n;
    step++;
  }
  return `${rest}${binarySuffixes[step]}`;
}

function decimalText(nanos: bigint, format: QuantityFormat): string {
  let rest = nanos;
  let exponent = -9;
  const limit = format === 'DecimalExponent' ? maxExponent : 18;
  while (rest % 1000n === 0n && exponent < limit) {
    rest /= 1000n;
    exponent += 3;
  }
  if (format === 'DecimalExponent') return exponent === 0 ? String(rest) : `${rest}e${exponent}`;
  return `${rest}${decimalSuffixes[exponent / 3 + 3]}`;
}

/** The canonical text of a quantity's text: '1000m' → '1', '0.5Gi' → '512Mi'. Throws ApiError 400. */
export function canonicalQuantity(text: string | number): string {
  return formatQuantity(parseQuantity(text));
}
