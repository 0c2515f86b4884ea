import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { timestamp } from '../machinery/index.ts';
import { findEntrypoint } from './entrypoint.ts';
import { packFolder } from './pack.ts';
import { machinePlatform } from './platform.ts';
import { parseReference } from './reference.ts';
import type { ImageStore, StoredImage } from './store.ts';

export interface BuildImageOptions {
  store: ImageStore;
  folder: string;
  /** Names of the image: at least one. */
  tags: readonly string[];
  /** 'host', the only one yet: this machine's system folders, read-only, and the Node that Homeport runs on. */
  base?: 'host';
  /** Default: what the folder says (package.json, a conventional or the only executable file). */
  entrypoint?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Where the folder lies in the image. Default '/app'. */
  workdir?: string;
  labels?: Readonly<Record<string, string>>;
}

/** Folders that the host base or the runtime provides: files of an image there would not be seen. */
const taken = /^\/(?:usr|bin|sbin|lib\w*|etc|proc|sys|dev|opt\/homeport)(?:\/|$)/;

const hostPath = '/opt/homeport/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Packs a folder into an image of one layer in the local store. The program is told its tag as HOMEPORT_IMAGE_TAG.
 * Left out: `.git`, `.homeport` and what `.homeportignore` lists; node_modules is part of a program and stays.
 * @throws Error for a folder that cannot be packed or whose program cannot be found, and for malformed names.
 */
export async function buildImage(options: BuildImageOptions): Promise<StoredImage> {
  const folder = resolve(options.folder);
  const info = await stat(folder).catch(() => undefined);
  if (!info?.isDirectory()) throw new Error(`building an image: ${folder} is not a folder`);
  const references = options.tags.map((tag) => ({ text: tag, parsed: parseReference(tag) }));
  const [first] = references;
  if (!first) throw new Error('building an image: name it with -t NAME:TAG');
  for (const { text, parsed } of references) {
    if (parsed.digest !== undefined)
      throw new Error(`building an image: ${text} names a digest, which only the content can give`);
  }
  const workdir = options.workdir ?? '/app';
  if (
    !workdir.startsWith('/') ||
    workdir.split('/').some((part) => part === '..' || part === '.') ||
    taken.test(workdir)
  ) {
    throw new Error(
      `building an image: the folder ${JSON.stringify(workdir)} cannot be the program's place in an image`,
    );
  }
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (name === '' || /[=\0]/.test(name) || value.includes('\0'))
      throw new Error(`building an image: ${JSON.stringify(name)} is no name for a variable`);
  }
  const entrypoint = options.entrypoint?.length ? [...options.entrypoint] : await findEntrypoint(folder, workdir);
  const tag = first.parsed.tag ?? 'latest';
  const env = { PATH: hostPath, HOMEPORT_IMAGE_TAG: tag, ...options.env };
  const layer = await packFolder(options.store.dir, folder, workdir);
  return options.store.put({
    references: options.tags,
    base: 'host',
    created: timestamp(),
    layers: [layer],
    configuration: {
      ...machinePlatform(),
      config: {
        Entrypoint: entrypoint,
        Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
        WorkingDir: workdir,
        Labels: { 'org.opencontainers.image.version': tag, ...options.labels },
      },
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
    },
  });
}
