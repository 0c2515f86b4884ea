import { isIP } from 'node:net';
import { invalidValue, type StatusCause } from '../../machinery/index.ts';

/** An IP address, of a family if one is wanted. */
export function addressErrors(address: string, path: string): StatusCause[] {
  return isIP(address) === 0
    ? [invalidValue(path, address, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')]
    : [];
}

/** An IP address in a field of old, where IPv4 numbers may begin with zeros. */
export function legacyAddressErrors(address: string, path: string): StatusCause[] {
  const decimal = /^\d+(\.\d+){3}$/.test(address) ? address.replace(/(^|\.)0+(?=\d)/g, '$1') : address;
  return isIP(decimal) === 0 ? addressErrors(address, path) : [];
}

/** An address that traffic can be sent to. */
export function endpointAddressErrors(address: string, path: string): StatusCause[] {
  const errors = addressErrors(address, path);
  if (errors.length > 0) return errors;
  const wrong = (detail: string): StatusCause[] => [invalidValue(path, address, detail)];
  if (address === '0.0.0.0' || address === '::') return wrong(`may not be unspecified (${address})`);
  if (/^127\./.test(address) || address === '::1') {
    return wrong('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  }
  if (/^169\.254\./.test(address) || /^fe[89ab]/i.test(address)) {
    return wrong('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  }
  if (/^224\.0\.0\./.test(address) || /^ff02:/i.test(address)) {
    return wrong('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  }
  return [];
}
