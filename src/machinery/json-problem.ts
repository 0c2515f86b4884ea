/** What Go says of the commonest texts that are no JSON: those that do not even begin like it, or end too early. */
export function jsonProblem(text: string): string {
  const first = text.trimStart().at(0) ?? '';
  return /["[{\d-]/.test(first) || first === ''
    ? 'unexpected end of JSON input'
    : `invalid character '${first}' looking for beginning of value`;
}
