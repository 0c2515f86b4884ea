/** The keys of the database: `o/<path>` names an object's newest revision, `l/<revision>` holds a record, `m/…` the rest. */
export const objectKey = (path: string): string => `o/${path}`;

/** Revisions as fixed-width text, so that they sort as numbers. */
export const logKey = (revision: number): string => `l/${revision.toString(16).padStart(12, '0')}`;

export const revisionOfLogKey = (key: string): number => Number.parseInt(key.slice(2), 16);

export const FORMAT_KEY = 'm/format';
export const REVISION_KEY = 'm/revision';
export const FLOOR_KEY = 'm/floor';

/** 2: records have checksums. Databases of format 1 are read, and become 2 with the next write. */
export const FORMAT = 2;
/** The formats that are read. */
export const READABLE = new Set([1, FORMAT]);

export const DATABASE_FILE = 'objects.mdb';
export const KEY_FILE = 'secrets.key';
