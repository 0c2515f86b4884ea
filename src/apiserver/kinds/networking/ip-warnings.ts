import { formatAddress, formatCidr, parseAddress, parseCidr } from './ip-values.ts';

/** What is doubtful about an address in a field that takes any spelling. */
export function addressWarnings(text: string, path: string): string[] {
  const address = parseAddress(text);
  const canonical = address && formatAddress(address);
  if (!address || canonical === text) return [];
  return [`${path}: ${spelling(text, canonical ?? '', address.family === 'IPv6', 'IP address', 'IPv6 address')}`];
}

/** What is doubtful about a CIDR in a field that takes any spelling. */
export function cidrWarnings(text: string, path: string): string[] {
  const cidr = parseCidr(text);
  const canonical = cidr && formatCidr(cidr);
  if (!cidr || canonical === text) return [];
  const [ip = '', length = ''] = text.split('/');
  const address = parseAddress(ip);
  const standard = cidr.family === 'IPv6' || (address !== undefined && formatAddress(address) === ip);
  if (standard && !/^0\d/.test(length) && address && address.value !== cidr.base) {
    const single = `${formatAddress(address)}/${cidr.family === 'IPv4' ? 32 : 128}`;
    return [
      `${path}: CIDR value ${quote(text)} is ambiguous in this context (should be "${canonical}" or "${single}"?)`,
    ];
  }
  return [`${path}: ${spelling(text, canonical ?? '', cidr.family === 'IPv6', 'CIDR value', 'IPv6 CIDR value')}`];
}

const quote = (text: string): string => JSON.stringify(text);

/** IPv6 can be spelled in many ways that are all valid; IPv4 only in ways that will not be. */
function spelling(text: string, canonical: string, valid: boolean, noun: string, ipv6Noun: string): string {
  if (valid) return `${ipv6Noun} ${quote(text)} should be in RFC 5952 canonical format (${quote(canonical)})`;
  return `non-standard ${noun} ${quote(text)} will be considered invalid in a future Kubernetes release: use ${quote(canonical)}`;
}
