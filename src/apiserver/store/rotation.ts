import type { RangeOptions, RootDatabase } from 'lmdb';
import type { SecretKeeping, SecretsStatus } from './backend.ts';
import type { Cipher } from './cipher.ts';
import { logKey, revisionOfLogKey } from './layout.ts';
import { isSealed, readRecord, reseal } from './record.ts';
import { newSecretKey, writeSecretKeys } from './secret-keys.ts';

/** Records looked at in one transaction, so that writers never wait long for it. */
const BATCH = 500;

export function keepSecrets(db: RootDatabase<Buffer, string>, folder: string, cipher: Cipher): SecretKeeping {
  let running: Promise<{ key: string; records: number }> | undefined;
  let stopping = false;

  /** Gives every record in batches, with a turn of the event loop for others in between. */
  async function eachBatch(look: (records: { key: string; value: Buffer }[]) => void): Promise<void> {
    for (let start: string | undefined = logKey(0); start !== undefined; ) {
      if (stopping) throw new Error('the database is being closed: sealing with a new key goes on at the next start');
      const range: RangeOptions = { start, end: 'l/~', limit: BATCH };
      const last = db.transactionSync(() => {
        const records = [...db.getRange(range)];
        look(records);
        return records.at(-1)?.key;
      });
      start = last && `${last}\0`;
      await new Promise(setImmediate);
    }
  }

  async function status(): Promise<SecretsStatus> {
    const counts = new Map<string | undefined, number>();
    await eachBatch((records) => {
      for (const { key, value } of records) {
        const { path, stored } = readRecord(revisionOfLogKey(key), value);
        if (!stored || !isSealed(path)) continue;
        const id = cipher.keyOf(stored);
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
    });
    const keys = cipher.keys.map(({ id, created }, index) => ({
      ...{ id, ...(created ? { created } : {}) },
      newest: index === 0,
      records: counts.get(id) ?? 0,
    }));
    return { keys, unnamed: counts.get(undefined) ?? 0 };
  }

  async function resealAll(): Promise<number> {
    const newest = cipher.keys[0]?.id;
    let resealed = 0;
    await eachBatch((records) => {
      for (const { key, value } of records) {
        const { stored, ...header } = readRecord(revisionOfLogKey(key), value);
        if (!stored || !isSealed(header.path) || cipher.keyOf(stored) === newest) continue;
        db.putSync(key, reseal(header, stored, cipher));
        resealed++;
      }
    });
    return resealed;
  }

  async function change(): Promise<{ key: string; records: number }> {
    // On disk before the first record is sealed with it: at no moment is there one that no key opens.
    if (cipher.keys.length === 1) {
      const keys = [newSecretKey(), ...cipher.keys];
      writeSecretKeys(folder, keys);
      cipher.keys = keys;
    }
    const records = await resealAll();
    const { keys, unnamed } = await status();
    if (unnamed > 0 || keys.some(({ newest, records: left }) => !newest && left > 0)) {
      throw new Error(
        `sealing Secrets with a new key: some in ${folder} are still sealed with an older one, which is kept`,
      );
    }
    const newest = cipher.keys.slice(0, 1);
    writeSecretKeys(folder, newest);
    cipher.keys = newest;
    return { key: newest[0]?.id ?? '', records };
  }

  const rotate = (): Promise<{ key: string; records: number }> => {
    running ??= change().finally(() => {
      running = undefined;
    });
    return running;
  };
  return {
    status,
    rotate,
    async resume() {
      if (cipher.keys.length > 1) await rotate();
    },
    async stop() {
      stopping = true;
      await running?.catch(() => undefined);
    },
  };
}
