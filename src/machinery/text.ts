/** The order of two texts by their UTF-16 units, whatever the locale; an absent one counts as empty. */
export function compareText(a = '', b = ''): number {
  return a < b ? -1 : Number(a > b);
}
