import {
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  type LabelSelectorSpec,
  labelSelectorOf,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { inKeyOrder, isGiven, selectorErrors } from '../checks.ts';
import { ensureObject, mapAt, objectAt, textAt } from '../fields.ts';
import { defaultPodSpec } from '../pod/defaults.ts';
import { podTemplateErrors } from '../pod/spec.ts';
import { templateWarnings } from '../pod/warnings.ts';

/** Fills in the pod template at `spec.template`, in place. */
export function defaultTemplate(spec: Fields): void {
  defaultPodSpec(ensureObject(ensureObject(spec, 'template'), 'spec'));
}

/** What is odd about the template, unless an update leaves the object as it is. */
export function changedTemplateWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  return old && equalJson(object.spec, old.spec) ? [] : templateWarnings(object.spec);
}

/** A selector that must be there and select something; `owner` is what its error calls the workload. */
export function ownSelectorErrors(selector: Fields | undefined, owner: string): StatusCause[] {
  if (!selector) return [requiredValue('spec.selector')];
  return [...selectorErrors(selector, 'spec.selector'), ...emptySelectorErrors(selector, owner)];
}

export function emptySelectorErrors(selector: Fields | undefined, owner: string): StatusCause[] {
  if (!selector || isGiven(selector['matchLabels']) || isGiven(selector['matchExpressions'])) return [];
  return [invalidValue('spec.selector', selector, `empty selector is invalid for ${owner}`)];
}

/** True for a selector that nothing can be matched with. */
export function isUnusable(selector: Fields | undefined): boolean {
  return selector !== undefined && selectorErrors(selector, '').length > 0;
}

/** A template has to have the labels that its workload selects; an empty selector asks for none. */
export function templateLabelErrors(spec: Fields): StatusCause[] {
  const metadata = objectAt(objectAt(spec, 'template'), 'metadata');
  const labels = mapAt(metadata, 'labels');
  const selects = labelSelectorOf(objectAt(spec, 'selector') as LabelSelectorSpec | undefined);
  if (selects.empty || selects.matches(labels)) return [];
  const given = metadata?.['labels'] === undefined ? null : inKeyOrder(labels);
  return [invalidValue('spec.template.metadata.labels', given, '`selector` does not match template `labels`')];
}

/** Pods of a workload that is to run for ever restart, and have no deadline. `owner` is the Kind. */
export function endlessErrors(spec: Fields, owner: string): StatusCause[] {
  const pod = objectAt(objectAt(spec, 'template'), 'spec');
  const policy = textAt(pod, 'restartPolicy');
  const errors: StatusCause[] = [];
  if (policy !== 'Always') errors.push(unsupportedValue('spec.template.spec.restartPolicy', policy, ['Always']));
  if (pod?.['activeDeadlineSeconds'] !== undefined) {
    const detail = `activeDeadlineSeconds in ${owner} is not Supported`;
    errors.push(forbiddenValue('spec.template.spec.activeDeadlineSeconds', detail));
  }
  return errors;
}

/** The selector, the template, and that the one selects the other, as Deployments and ReplicaSets have them. */
export function replicasOfTemplateErrors(spec: Fields): StatusCause[] {
  const selector = objectAt(spec, 'selector');
  const errors = ownSelectorErrors(selector, 'deployment');
  if (isUnusable(selector)) return [...errors, invalidValue('spec.selector', selector, 'invalid label selector')];
  return [
    ...errors,
    ...templateLabelErrors(spec),
    ...podTemplateErrors(objectAt(spec, 'template') ?? {}, 'spec.template'),
    ...endlessErrors(spec, 'ReplicaSet'),
  ];
}
