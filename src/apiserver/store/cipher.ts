import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { SecretKey } from './secret-keys.ts';

/** Seals what must not lie readable on disk. */
export interface Cipher {
  /** The newest key comes first: it seals. Any of them opens. */
  keys: readonly SecretKey[];
  /** @param context what the text belongs to: sealed text cannot be moved elsewhere. */
  seal(text: Buffer, context: string): Buffer;
  /** Throws an Error when the text was changed, moved, or sealed with a key that is not here. */
  open(sealed: Buffer, context: string): Buffer;
  /** The id of the key that a text was sealed with; undefined for one from before keys had ids. */
  keyOf(sealed: Buffer): string | undefined;
}

const ALGORITHM = 'aes-256-gcm';
const ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM: the first bytes of the key's id, a random nonce, the tag, then the text. */
export function createCipher(keys: readonly SecretKey[]): Cipher {
  const cipher: Cipher = {
    keys,
    seal(text, context) {
      const [newest] = cipher.keys;
      if (!newest) throw new Error('sealing a Secret: there is no key');
      const nonce = randomBytes(NONCE_BYTES);
      const gcm = createCipheriv(ALGORITHM, newest.key, nonce);
      gcm.setAAD(Buffer.from(context));
      const body = [gcm.update(text), gcm.final()];
      return Buffer.concat([Buffer.from(newest.id, 'hex'), nonce, gcm.getAuthTag(), ...body]);
    },
    keyOf(sealed) {
      const id = sealed.toString('hex', 0, ID_BYTES);
      return cipher.keys.some((key) => key.id === id) ? id : undefined;
    },
    open(sealed, context) {
      const id = cipher.keyOf(sealed);
      const named = cipher.keys.find((key) => key.id === id);
      const text = named && tryOpen(named, sealed.subarray(ID_BYTES), context);
      if (text) return text;
      // From before keys had ids: any of them may be the one.
      for (const key of cipher.keys) {
        const opened = tryOpen(key, sealed, context);
        if (opened) return opened;
      }
      throw new Error('no key opens it');
    },
  };
  return cipher;
}

function tryOpen({ key }: SecretKey, sealed: Buffer, context: string): Buffer | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const text = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES));
  try {
    return Buffer.concat([text, decipher.final()]);
  } catch {
    // Its tag does not fit: another key, or changed.
    return undefined;
  }
}
