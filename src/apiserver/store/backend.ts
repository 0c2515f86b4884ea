/**
 * What lies under the store. Every write is one record on the revision line: a put carries the object's bytes, a
 * removal none. `o/<path>` points at the newest record of an object, `l/<revision>` holds the record, `m/…` says how far
 * the line reaches and where it begins.
 */
export interface LogRecord {
  revision: number;
  /** The object's revision before this write; 0 when it did not exist. */
  previous: number;
  /** '<group>/<resource>/<namespace>/<name>', with 'core' for the empty group and '' for no namespace. */
  path: string;
  /** undefined: the object was removed. */
  bytes: Buffer | undefined;
}

/** How far the revision line reaches, and where what is retained of it begins. */
export interface Line {
  revision: number;
  floor: number;
}

/** What a check found. */
export interface Checked {
  /** Records that were read. */
  records: number;
  /** Objects that exist. */
  objects: number;
}

/** Which keys there are, and how many records each has sealed: objects and their retained history. */
export interface SecretsStatus {
  keys: { id: string; created?: string; newest: boolean; records: number }[];
  /** Records from before keys had ids. */
  unnamed: number;
}

/** The keys of Secrets in a database, and the change to a new one. */
export interface SecretKeeping {
  status(): Promise<SecretsStatus>;
  /**
   * Makes a new key, seals every record again with it, and forgets the keys before it. New writes use it at once. A change
   * that was cut off is finished, with the key that it had made. Resolves to what it came to.
   */
  rotate(): Promise<{ key: string; records: number }>;
  /** Finishes a change that was cut off, if there is one. */
  resume(): Promise<void>;
  /** Ends what is under way between two batches: it goes on at the next start. */
  stop(): Promise<void>;
}

export interface Backend {
  /** The newest committed revision. */
  readonly revision: number;
  /** Events after this revision are retained. */
  readonly floor: number;
  /** The quota is used up: nothing more should be put, and what goes is welcome. */
  readonly full: boolean;
  /** How much is stored, in bytes: what is in use, and what it takes on disk. */
  size(): { used: number; allocated: number };
  /** The objects whose path starts with the prefix, in the order of their paths. */
  objects(prefix: string): Iterable<LogRecord>;
  /** One retained record. */
  record(revision: number): LogRecord | undefined;
  /** Retained records with after < revision <= upTo, in order. */
  log(after: number, upTo: number): Iterable<LogRecord>;
  /** Writes all records in one transaction; resolves when they would survive a power cut. */
  commit(records: readonly LogRecord[]): Promise<void>;
  /** Forgets what only watches from revisions below the new floor would need. */
  compact(floor: number): Promise<void>;
  close(): Promise<void>;
  /** The keys of Secrets; undefined where nothing is written to disk. */
  readonly secrets: SecretKeeping | undefined;
}

/** Keeps nothing: the watch caches already hold every object, and a new process starts empty. */
export function memoryBackend(): Backend {
  let revision = 1;
  return {
    get revision() {
      return revision;
    },
    get floor() {
      // There is no log to read back: history is what the watch caches still have.
      return revision;
    },
    full: false,
    size: () => ({ used: 0, allocated: 0 }),
    secrets: undefined,
    objects: () => [],
    record: () => undefined,
    log: () => [],
    async commit(records) {
      revision = records.at(-1)?.revision ?? revision;
    },
    async compact() {},
    async close() {},
  };
}
