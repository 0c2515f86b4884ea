/**
 * A time span as kubectl shows ages: two units at most, the smaller one only while it matters ('5m10s', '3h', '12d').
 * Source: apimachinery util/duration HumanDuration.
 * @param milliseconds less than -1 s gives '<invalid>': the clock of who wrote the time is ahead.
 */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (Number.isNaN(seconds) || seconds < -1) return '<invalid>';
  if (seconds < 120) return `${Math.max(seconds, 0)}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return withRest(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return withRest(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (days < 8) return withRest(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.trunc(days / 365);
  return years < 8 ? withRest(years, 'y', days % 365, 'd') : `${years}y`;
}

const withRest = (whole: number, unit: string, rest: number, smaller: string): string =>
  rest === 0 ? `${whole}${unit}` : `${whole}${unit}${rest}${smaller}`;

/**
 * A time span as Go prints it ('1.234s', '523ms', '2m0.5s'), cut to milliseconds: how the kubelet's events tell one.
 * @param milliseconds not negative
 */
export function goDuration(milliseconds: number): string {
  const whole = Math.trunc(milliseconds);
  if (whole === 0) return '0s';
  if (whole < 1000) return `${whole}ms`;
  const [hours, minutes] = [Math.trunc(whole / 3_600_000), Math.trunc(whole / 60_000) % 60];
  const seconds = `${(whole % 60_000) / 1000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
