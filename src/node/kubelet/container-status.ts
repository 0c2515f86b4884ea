import { timestamp } from '../../machinery/index.ts';
import type { Container, ContainerStateStatus, ContainerStatus } from '../pod.ts';
import { type ContainerRecord, type ContainerState, isCompleted } from './record.ts';

/** The containerStatuses entry of a record. */
export function statusOf(record: ContainerRecord): ContainerStatus {
  const { container, state, user } = record;
  return {
    name: container.name,
    image: record.image,
    imageID: record.imageId,
    ...(record.containerId ? { containerID: record.containerId } : {}),
    state: stateStatus(state),
    lastState: record.last ? stateStatus(record.last) : {},
    ready: record.ready || isCompleted(record),
    // The kubelet says this of all containers but those that are only there to look at others.
    ...(record.kind === 'ephemeral' ? {} : { started: record.started }),
    restartCount: record.restarts,
    ...resourcesStatus(record),
    ...(container.volumeMounts?.length ? { volumeMounts: mountsStatus(container) } : {}),
    ...(user && state.is !== 'waiting'
      ? {
          user: {
            linux: { uid: user.uid, gid: user.gid, supplementalGroups: [...new Set([user.gid, ...user.groups])] },
          },
        }
      : {}),
  };
}

/** What a running container may use: its limits are those in force, which a resize may not have reached yet. */
function resourcesStatus({ kind, container, resources }: ContainerRecord): Record<string, unknown> {
  if (kind === 'ephemeral' || !resources) return {};
  const requests = container.resources?.requests;
  return { resources, ...(requests && Object.keys(requests).length > 0 ? { allocatedResources: requests } : {}) };
}

function mountsStatus(container: Container) {
  return (container.volumeMounts ?? []).map(({ name, mountPath, readOnly }) => ({
    name,
    mountPath,
    ...(readOnly ? { readOnly, recursiveReadOnly: 'Disabled' } : {}),
  }));
}

function stateStatus(state: ContainerState): ContainerStateStatus {
  if (state.is === 'waiting')
    return { waiting: { reason: state.reason, ...(state.message ? { message: state.message } : {}) } };
  if (state.is === 'running') {
    // It does not count as running before its postStart hook is through.
    if (state.hooking) return { waiting: { reason: 'ContainerCreating' } };
    return { running: { startedAt: timestamp(state.handle.startedAt) } };
  }
  const { code, reason, message, startedAt, finishedAt, containerId } = state;
  return {
    terminated: {
      exitCode: code,
      reason,
      ...(message ? { message } : {}),
      ...(startedAt ? { startedAt } : {}),
      finishedAt,
      ...(containerId ? { containerID: containerId } : {}),
    },
  };
}
