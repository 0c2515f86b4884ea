/** A time as metadata and status fields hold it: RFC 3339 in UTC with whole seconds. By default now. */
export function timestamp(time: Date | number = Date.now()): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
