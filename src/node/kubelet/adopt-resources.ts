import { equalJson } from '../../machinery/index.ts';
import type { Container, Pod } from '../pod.ts';
import type { ContainerRecord } from './record.ts';
import { limitsOf } from './start-container.ts';
import { gracePeriod, type LifeContext, stopContainer } from './stop-container.ts';

/**
 * Takes over the resources that the pod names for a container now (its `resize` subresource): in place, or by a restart where
 * the container's resizePolicy wants one. What cannot be done is said in an Event, and the status goes on showing what is
 * in force.
 * @param life where the container lives; undefined while the pod has no sandbox.
 */
export async function adoptResources(record: ContainerRecord, pod: Pod, life: LifeContext | undefined): Promise<void> {
  const { name, resources } = record.container;
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  const now = [...initContainers, ...containers].find((container) => container.name === name);
  if (!now || equalJson(now.resources ?? {}, resources ?? {})) return;
  const restarts = changedNames(record.container, now).some(
    (resource) =>
      now.resizePolicy?.find((each) => each.resourceName === resource)?.restartPolicy === 'RestartContainer',
  );
  record.container = { ...record.container, resources: now.resources };
  if (record.state.is !== 'running' || !life) return;
  if (restarts) {
    record.replaced = true;
    return stopContainer(record, life, gracePeriod(life), `Container ${name} resize requires restart`);
  }
  try {
    await record.state.handle.resize(limitsOf(record.container));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return life.emit('Warning', 'ResizeError', `Resizing container ${name} in place: ${why}`);
  }
  record.resources = now.resources ?? {};
  const told = { containers: [{ name, resources: now.resources ?? {} }], generation: pod.metadata.generation };
  life.emit('Normal', 'ResizeCompleted', `Pod resize completed: ${JSON.stringify(told)}`);
  life.changed();
}

/** The resources whose limit or request is another one. */
function changedNames(before: Container, now: Container): string[] {
  const value = ({ resources }: Container, name: string) => [resources?.limits?.[name], resources?.requests?.[name]];
  return ['cpu', 'memory'].filter((name) => !equalJson(value(before, name), value(now, name)));
}
