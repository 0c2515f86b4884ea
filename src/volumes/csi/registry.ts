import { watch } from 'node:fs';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { VolumeError } from '../driver.ts';
import type { DriverSet } from '../drivers.ts';
import { registration } from './calls.ts';
import { openConnection } from './connection.ts';
import { type CsiDriver, openCsiDriver } from './driver.ts';

export interface RegistryOptions {
  /** A folder for sockets: of drivers, or of their registrars (node-driver-registrar), as the kubelet's plugins_registry. */
  folder: string;
  staging: string;
  drivers: DriverSet;
  /** Told of sockets that do not answer as they should. */
  failed(socket: string, error: Error): void;
}

/** How long, in milliseconds, a socket that does not answer yet is asked again: a server binds it before it listens. */
const patience = 10_000;

/** Follows the sockets in a folder: the driver behind each is there as long as its socket is. */
export async function watchDrivers(options: RegistryOptions): Promise<{ stop(): void }> {
  const { drivers, failed, folder } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  /** What each socket has come to; undefined while it is being asked. */
  const known = new Map<string, CsiDriver | undefined>();
  let stopped = false;

  async function look(): Promise<void> {
    const names = new Set(await readdir(folder));
    for (const [name, driver] of known) if (!names.has(name)) forget(name, driver);
    await Promise.all([...names].filter((name) => !known.has(name)).map(add));
  }

  function forget(name: string, driver: CsiDriver | undefined): void {
    known.delete(name);
    if (!driver) return;
    driver.close();
    if (drivers.get(driver.name) === driver) drivers.remove(driver.name);
  }

  async function add(name: string): Promise<void> {
    const socket = join(folder, name);
    if (!(await isSocket(socket)) || stopped || known.has(name)) return;
    known.set(name, undefined);
    try {
      const driver = await patientlyOpen(socket, options.staging, () => stopped || !known.has(name));
      // Its socket went, or this is over, while it was being asked.
      if (stopped || !known.has(name)) return driver.close();
      known.set(name, driver);
      drivers.set(driver);
    } catch (error) {
      // Forgotten, so that the next change in the folder has it asked again.
      known.delete(name);
      failed(socket, error instanceof Error ? error : new Error(String(error)));
    }
  }

  const lookAround = () => void look().catch((error: Error) => failed(folder, error));
  const watcher = watch(folder, { persistent: false }, lookAround);
  watcher.on('error', (error) => failed(folder, error));
  // Nobody waits for it: a socket may be left over from a driver that is no more.
  lookAround();
  return {
    stop() {
      stopped = true;
      watcher.close();
      for (const [name, driver] of known) forget(name, driver);
    },
  };
}

async function isSocket(path: string): Promise<boolean> {
  const info = await lstat(path).catch(() => undefined);
  return info?.isSocket() ?? false;
}

async function patientlyOpen(socket: string, staging: string, given: () => boolean): Promise<CsiDriver> {
  const end = Date.now() + patience;
  for (let wait = 20; ; wait *= 2) {
    try {
      return await openSocket(socket, staging);
    } catch (error) {
      const silent = error instanceof VolumeError && error.code === 'Unavailable';
      if (!silent || given() || Date.now() + wait > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** The driver at a socket, or the one that the registrar at the socket tells of. */
async function openSocket(socket: string, staging: string): Promise<CsiDriver> {
  const connection = openConnection(socket);
  try {
    const told = await connection.call(registration.getInfo).catch((error: unknown) => {
      if (error instanceof VolumeError && error.code === 'Unimplemented') return undefined;
      throw error;
    });
    if (!told) return await openCsiDriver(connection, staging);
    if (told['type'] !== 'CSIPlugin')
      throw new VolumeError('InvalidArgument', `plugins of type ${String(told['type'])} are not supported`);
    return await openRegistered(String(told['endpoint']), staging, (fields) =>
      connection.call(registration.notify, fields),
    ).finally(connection.close);
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function openRegistered(
  endpoint: string,
  staging: string,
  notify: (fields: { pluginRegistered: boolean; error?: string }) => Promise<unknown>,
): Promise<CsiDriver> {
  const connection = openConnection(endpoint.replace(/^unix:(\/\/)?/, ''));
  try {
    const driver = await openCsiDriver(connection, staging);
    await notify({ pluginRegistered: true });
    return driver;
  } catch (error) {
    connection.close();
    const why = error instanceof Error ? error.message : String(error);
    // Whether the registrar hears of it or not: what went wrong is what counts.
    await notify({ pluginRegistered: false, error: why }).catch(() => undefined);
    throw error;
  }
}
