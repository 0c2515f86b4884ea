/** An IntOrString as a number: itself, or a share of a number such as '30%', rounded. What cannot be read is none. */
export function shareOf(value: number | string, of: number, round: (value: number) => number): number {
  if (typeof value === 'number') return value;
  return round((Number.parseInt(value, 10) * of) / 100) || 0;
}
