import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { equalJson, isReason, type KubeObject, keyOf, labelSelectorOf } from '../../machinery/index.ts';
import { goSelector } from '../go-selector.ts';
import { podDisruptionBudgets, pods } from '../resources.ts';
import { selectorOf } from '../selectors.ts';
import type { Pod } from '../types.ts';
import { updateStatus } from '../update-status.ts';
import { expectedOf } from './expected.ts';
import { budgetStatus, disruptedOf, failedStatus } from './status.ts';
import type { Budget } from './types.ts';

/** Works out for each PodDisruptionBudget how many pods may be evicted: evictions ask its status, and take from it. */
export function disruptionController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const budgetInformer = informers.for(podDisruptionBudgets);
  const podInformer = informers.for(pods);
  const recorder = context.recorder('controllermanager');

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const budget = budgetInformer.get(key) as Budget | undefined;
    if (!budget) return undefined;
    try {
      return await sync(budget);
    } catch (error) {
      if (isReason(error, 'Conflict')) throw error;
      // Whatever goes wrong, nothing may be evicted on the strength of what was true once.
      const failure = error instanceof Error ? error : new Error(String(error));
      await updateStatus(client, podDisruptionBudgets, budget, failedStatus(budget, failure));
      return undefined;
    }
  }

  async function sync(budget: Budget): Promise<ReconcileResult | undefined> {
    const selected = podsOf(budget);
    if (selected.length === 0) recorder.event(budget, 'Normal', 'NoPods', 'No matching pods found');
    const expected = await expectedOf(context, budget, selected).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      const message = `Failed to calculate the number of expected pods: ${why}`;
      recorder.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', message);
      throw error;
    });
    if (expected.unmanaged.length > 0) recorder.event(budget, 'Warning', 'UnmanagedPods', unmanagedMessage(budget));
    const disrupted = disruptedOf(budget, selected, Date.now());
    for (const pod of disrupted.spared) {
      const message = `Pod was expected by PDB ${keyOf(budget)} to be deleted but it wasn't`;
      recorder.event(pod, 'Warning', 'NotDeleted', message);
    }
    const status = budgetStatus(budget, selected, disrupted.pods, expected);
    await updateStatus(client, podDisruptionBudgets, budget, status);
    return disrupted.wait === undefined ? undefined : { requeueAfter: disrupted.wait };
  }

  function podsOf({ metadata, spec }: Budget): Pod[] {
    const selector = spec?.selector ? selectorOf(spec.selector) : labelSelectorOf(undefined);
    return podInformer.list(metadata.namespace).filter((pod) => selector.matches(pod.metadata.labels)) as Pod[];
  }

  function budgetsOf({ metadata }: KubeObject): Budget[] {
    return (budgetInformer.list(metadata.namespace) as Budget[]).filter(
      ({ spec }) => spec?.selector && selectorOf(spec.selector).matches(metadata.labels),
    );
  }

  /** A pod whose labels change leaves a budget, too. */
  function keysOf(pod: KubeObject, { old }: { old?: KubeObject }): string[] {
    const budgets = budgetsOf(pod);
    const [first, second] = budgets;
    if (first && second) {
      const [namespace, name, chosen] = [pod.metadata.namespace, pod.metadata.name, first.metadata.name];
      const message = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${chosen}" arbitrarily.`;
      recorder.event(pod, 'Warning', 'MultiplePodDisruptionBudgets', message);
    }
    const left = old && !equalJson(old.metadata.labels ?? {}, pod.metadata.labels ?? {}) ? budgetsOf(old) : [];
    return [...budgets, ...left].map(keyOf);
  }

  return createController({
    name: 'disruption-controller',
    context,
    sources: [{ resource: podDisruptionBudgets }, { resource: pods, keys: keysOf }],
    reconcile,
  });
}

function unmanagedMessage({ spec }: Budget): string {
  return (
    `Pods selected by this PodDisruptionBudget (selector: ${goSelector(spec?.selector)}) were found ` +
    'to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. ' +
    'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
  );
}
