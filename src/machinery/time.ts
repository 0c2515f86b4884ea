let lastSecond = Number.NaN;
let lastText = '';

/** A time as metadata and status fields hold it: RFC 3339 in UTC with whole seconds. By default now. */
export function timestamp(time: Date | number = Date.now()): string {
  const second = Math.floor(Number(time) / 1000);
  // Under load, thousands of objects are stamped with the same second.
  if (second !== lastSecond) {
    lastText = `${new Date(time).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastText;
}
