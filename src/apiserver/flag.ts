/**
 * A boolean parameter of a query: only `false` and `0` are false, a bare parameter is true; undefined without it
 * (apimachinery's Convert_Slice_string_To_bool).
 */
export function flag(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  return value !== '0' && value.toLowerCase() !== 'false';
}
