import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Seals what must not lie readable on disk. */
export interface Cipher {
  /** @param context what the text belongs to: sealed text cannot be moved elsewhere. */
  seal(text: Buffer, context: string): Buffer;
  /** Throws an Error when the text was changed, moved, or sealed with another key. */
  open(sealed: Buffer, context: string): Buffer;
}

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM: a random nonce, the tag, then the text.
 * @param key 32 bytes.
 */
export function createCipher(key: Uint8Array): Cipher {
  return {
    seal(text, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, nonce);
      cipher.setAAD(Buffer.from(context));
      const body = [cipher.update(text), cipher.final()];
      return Buffer.concat([nonce, cipher.getAuthTag(), ...body]);
    },
    open(sealed, context) {
      const nonce = sealed.subarray(0, NONCE_BYTES);
      const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
      const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(tag);
      return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    },
  };
}
