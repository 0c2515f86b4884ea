/** What is wrong with a name that is to be one segment of a path (apimachinery path.IsValidPathSegmentName). */
export function pathSegmentErrors(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return [...'/%'].filter((char) => name.includes(char)).map((char) => `may not contain '${char}'`);
}
