import { openLogFile } from '../logs/write-log.ts';
import type { Survivor } from '../runtime.ts';
import { follow } from './container-life.ts';
import { type ContainerRecord, isCompleted, unknownEnd } from './record.ts';
import { logPath, statusImage } from './start-container.ts';
import type { LifeContext } from './stop-container.ts';

/**
 * Takes over the containers of a sandbox that an earlier process has left running: their logs go on, their probes start
 * anew, and one that has ended meanwhile ends now. Their postStart hooks are behind them, whatever came of them.
 */
export function adopt(
  { containers }: Survivor,
  records: readonly ContainerRecord[],
  contextOf: (record: ContainerRecord) => LifeContext,
): void {
  for (const record of records) {
    record.ran = record.containerId !== '';
    record.initialized = record.kind === 'init' ? isCompleted(record) : record.started;
    const found = containers.filter(({ spec }) => spec.name === record.container.name);
    const [latest, ...older] = found.sort((a, b) => b.spec.attempt - a.spec.attempt);
    // Of a container that was started again, an older one may still be there to be removed.
    for (const { resume } of older) void resume(() => undefined).remove();
    if (!latest) continue;
    const { spec, resume } = latest;
    const context = contextOf(record);
    const same = record.containerId === `homeport://${spec.id}`;
    const { state } = record;
    if (same && state.is === 'terminated' && state.reason !== unknownEnd) {
      // Its end has been told already; only what it leaves behind is still there.
      void resume(() => undefined).remove();
      continue;
    }
    // It may have been started after the last word about it.
    if (state.is === 'terminated' && spec.attempt > record.restarts) record.last = state;
    record.restarts = spec.attempt;
    record.containerId = `homeport://${spec.id}`;
    Object.assign(record, statusImage(spec.image));
    record.resources = record.container.resources ?? {};
    record.user = spec.user;
    record.ran = true;
    const log = openLogFile(logPath(context.deps.folders.logs, context.pod, spec.name, spec.attempt));
    const handle = resume(log.write);
    void handle.exited.then(() => log.close());
    follow(record, { handle, log }, context, { hooked: true, started: same && record.started });
  }
}
