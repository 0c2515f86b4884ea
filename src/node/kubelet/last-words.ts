import { open } from 'node:fs/promises';
import { readLog } from '../logs/read-log.ts';
import type { LogFile } from '../logs/write-log.ts';
import type { Container } from '../pod.ts';

/** The kubelet's limits: of the message, and of the log that stands in for it. */
const mostBytes = 4096;
const fromLog = { bytes: 2048, lines: 80 };

/** A container's termination message: its file, or the end of its log where the policy says so. */
export async function terminationMessage(
  container: Container,
  file: string,
  log: LogFile | undefined,
  failed: boolean,
): Promise<string> {
  const written = await readStart(file);
  if (written !== '' || !failed || container.terminationMessagePolicy !== 'FallbackToLogsOnError' || !log)
    return written;
  const chunks: Uint8Array[] = [];
  const options = { follow: false, previous: false, timestamps: false, tailLines: fromLog.lines };
  for await (const chunk of readLog(log.path, options, undefined, new AbortController().signal)) chunks.push(chunk);
  return Buffer.concat(chunks).subarray(-fromLog.bytes).toString('utf8');
}

async function readStart(path: string): Promise<string> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return '';
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(mostBytes), 0, mostBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
