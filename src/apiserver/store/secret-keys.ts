import { createHash, randomBytes } from 'node:crypto';
import { readIfPresent, writePrivateFile } from '../auth/private-file.ts';
import { KEY_FILE } from './layout.ts';

/** One key that Secrets are sealed with. */
export interface SecretKey {
  /** Eight hexadecimal digits that follow from the key, and tell nothing of it. */
  id: string;
  /** 32 bytes. */
  key: Buffer;
  /** When it was made, as RFC 3339; undefined for keys from before that was kept. */
  created: string | undefined;
}

const KEY_BYTES = 32;

/** A new random key. */
export function newSecretKey(): SecretKey {
  return secretKey(randomBytes(KEY_BYTES), new Date().toISOString());
}

function secretKey(key: Buffer, created: string | undefined): SecretKey {
  return { id: createHash('sha256').update('secrets.key id').update(key).digest('hex').slice(0, 8), key, created };
}

/**
 * The keys of a database folder, the newest first, made at the first start. While there are several, a change from one to
 * another is under way.
 * @throws Error that names the file, never its content, when it does not hold keys.
 */
export function openSecretKeys(folder: string): SecretKey[] {
  const file = `${folder}/${KEY_FILE}`;
  const stored = readIfPresent(file);
  if (stored !== undefined) return parse(stored, folder, file);
  const keys = [newSecretKey()];
  writeSecretKeys(folder, keys);
  return keys;
}

/** Writes all keys, whole or not at all; it is on disk when this returns. */
export function writeSecretKeys(folder: string, keys: readonly SecretKey[]): void {
  const lines = keys.map(({ key, created }) => `${key.toString('base64')}${created ? ` ${created}` : ''}\n`);
  writePrivateFile(`${folder}/${KEY_FILE}`, lines.join(''));
}

/** A line is a key in base64 and, since that is kept, when it was made. */
function parse(text: string, folder: string, file: string): SecretKey[] {
  const keys = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [base64 = '', created] = line.trim().split(' ');
      return secretKey(Buffer.from(base64, 'base64'), created);
    });
  if (keys.length === 0 || keys.some(({ key }) => key.length !== KEY_BYTES)) {
    throw new Error(`opening the database in ${folder}: ${file} does not hold a key of ${KEY_BYTES} bytes in base64`);
  }
  return keys;
}

/** The lines of two contents of a key file, each once. */
export function unitedKeys(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined || one === other) return one ?? other;
  const lines = [...one.split('\n'), ...other.split('\n')].filter((line) => line.trim() !== '');
  return `${[...new Set(lines)].join('\n')}\n`;
}
