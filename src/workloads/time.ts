/** Now, as metadata and status fields hold it: RFC 3339 in UTC with whole seconds. */
export function timestamp(now = Date.now()): string {
  return `${new Date(now).toISOString().slice(0, 19)}Z`;
}
