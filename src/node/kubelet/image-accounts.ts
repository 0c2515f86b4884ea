import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';

/** A user as an image's /etc/passwd has it. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

/** Who is who in an image. */
export interface Accounts {
  /** By name, or by number as a text. */
  user(nameOrId: string): Account | undefined;
  group(name: string): number | undefined;
  /** Groups of which a user is a member beside its own. */
  groupsOf(user: string): number[];
}

/** More than that is no list of users. */
const longest = 1 << 20;

/** What the host base has (linux/base.ts), and all that is known where nothing really runs. */
export const hostAccounts: Accounts = accountsOf(
  'root:x:0:0:root:/root:\ndaemon:x:1:1::/usr/sbin:\nnobody:x:65534:65534::/nonexistent:\n',
  'root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n',
);

/** Reads the users and groups of an image from its unpacked layers, lowest first. The layers are not trusted. */
export async function readAccounts(layers: readonly string[]): Promise<Accounts> {
  return accountsOf(await readUppermost(layers, 'passwd'), await readUppermost(layers, 'group'));
}

function accountsOf(passwd: string, group: string): Accounts {
  const users = lines(passwd).map(([name = '', , uid, gid, , home = '']) => ({
    ...{ name, uid: Number(uid), gid: Number(gid), home },
  }));
  const groups = lines(group).map(([name = '', , gid, members = '']) => ({
    ...{ name, gid: Number(gid), members: members.split(',') },
  }));
  const known = users.filter(({ uid, gid }) => Number.isSafeInteger(uid) && Number.isSafeInteger(gid));
  return {
    user: (nameOrId) =>
      known.find(({ name }) => name === nameOrId) ?? known.find(({ uid }) => String(uid) === nameOrId),
    group: (name) => groups.find((each) => each.name === name && Number.isSafeInteger(each.gid))?.gid,
    groupsOf: (user) => groups.filter(({ members, gid }) => members.includes(user) && gid > 0).map(({ gid }) => gid),
  };
}

function lines(text: string): string[][] {
  return text.split('\n').flatMap((line) => (line.includes(':') ? [line.split(':')] : []));
}

/** A file of an image's /etc; '' when it has none. Links are not followed: they could lead out of the image. */
async function readUppermost(layers: readonly string[], name: string): Promise<string> {
  for (const layer of [...layers].reverse()) {
    const etc = join(layer, 'etc');
    if (!(await lstat(etc).catch(() => undefined))?.isDirectory()) continue;
    const file = await open(join(etc, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
      () => undefined,
    );
    if (!file) continue;
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(longest), 0, longest, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  }
  return '';
}
