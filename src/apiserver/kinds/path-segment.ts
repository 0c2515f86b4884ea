/**
 * What is wrong with a name that is to be one segment of a path (apimachinery path.IsValidPathSegmentName).
 * @param prefix true for the beginning of a name.
 */
export function pathSegmentErrors(name: string, prefix = false): string[] {
  if (!prefix && (name === '.' || name === '..')) return [`may not be '${name}'`];
  return [...'/%'].filter((char) => name.includes(char)).map((char) => `may not contain '${char}'`);
}
