// A kubelet whose containers end as a test says, at once: for what becomes of pods that end.
import { type Controller, createController, type PlatformContext } from '../../src/client/index.ts';
import { type KubeObject, keyOf, timestamp } from '../../src/machinery/index.ts';
import { pods } from './cluster.ts';

/** What a pod's container is to do: end with an exit code, or run on. */
export type Script = (pod: KubeObject) => number | 'run';

/** The exit code of what is killed. */
const KILLED = 137;

/**
 * Plays the script of every pod that is bound to a node, and lets go at once of those that are deleted. Containers ended an
 * hour ago by their own account, so that nobody waits out a back-off.
 */
export function scriptedKubelet(context: PlatformContext, script: Script): Controller {
  const { client, informers } = context;

  async function reconcile(key: string): Promise<undefined> {
    const pod = informers.for(pods).get(key);
    if (!pod) return;
    const { deletionTimestamp, deletionGracePeriodSeconds = 0, uid } = pod.metadata;
    const outcome = deletionTimestamp && script(pod) === 'run' ? KILLED : script(pod);
    await say(pod, outcome);
    if (deletionTimestamp && deletionGracePeriodSeconds > 0) {
      await client.delete(pods, pod.metadata, { gracePeriodSeconds: 0, ...(uid ? { uid } : {}) });
    }
  }

  async function say(pod: KubeObject, outcome: number | 'run'): Promise<void> {
    const phase = outcome === 'run' ? 'Running' : outcome === 0 ? 'Succeeded' : 'Failed';
    if (pod.status?.['phase'] === phase) return;
    const status = { phase, ...(outcome === 'run' ? running() : ended(pod, outcome)) };
    await client.patch(pods, pod.metadata, 'strategic', { status }, { subresource: 'status' });
  }

  return createController({
    name: 'scripted-kubelet',
    context,
    sources: [{ resource: pods, keys: (pod) => (pod.spec?.['nodeName'] ? [keyOf(pod)] : []) }],
    reconcile,
  });
}

function running() {
  return { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: timestamp() }] };
}

function ended({ spec }: KubeObject, exitCode: number) {
  const [{ name, image } = { name: '', image: '' }] = (spec?.['containers'] ?? []) as { name: string; image: string }[];
  const at = timestamp(Date.now() - 3_600_000);
  const terminated = { exitCode, startedAt: at, finishedAt: at };
  const containerStatuses = [{ name, image, imageID: '', ready: false, restartCount: 0, state: { terminated } }];
  return { containerStatuses, conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: timestamp() }] };
}
