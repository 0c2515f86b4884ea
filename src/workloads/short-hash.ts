/** A few letters and digits that stand for a text, fit for names: always the same for the same text. */
export function shortHash(text: string): string {
  return encode(fnv1a(text));
}

/** The same by 32-bit FNV-1 over the text in UTF-8: what upstream hashes with where a name is to be the same as there. */
export function upstreamHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash, 0x01000193) ^ byte;
  return encode(hash >>> 0);
}

/** 32-bit FNV-1a over UTF-16 units. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** No vowels and no digits that look like them, so that no hash spells a word (apimachinery's util/rand). */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

function encode(hash: number): string {
  return Array.from(String(hash), (digit) => alphabet[digit.charCodeAt(0) % alphabet.length]).join('');
}
