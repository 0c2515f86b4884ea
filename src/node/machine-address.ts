import { networkInterfaces } from 'node:os';

/** The address under which others reach what is bound to this one: of a wildcard, the machine's own on its network. */
export function machineAddress(bindAddress: string): string {
  if (bindAddress !== '0.0.0.0' && bindAddress !== '::') return bindAddress;
  const all = Object.entries(networkInterfaces())
    // Bridges for pods, of this Homeport or of another, lead nowhere outside.
    .filter(([name]) => !/^hp\d/.test(name))
    .flatMap(([, addresses]) => addresses ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1';
}
