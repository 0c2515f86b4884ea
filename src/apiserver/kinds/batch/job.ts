import {
  dnsLabelErrors,
  equalJson,
  type Fields,
  invalidValue,
  type KubeObject,
  labelSelectorOf,
  requiredValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { changedTemplateWarnings, isUnusable, templateLabelErrors } from '../apps/pod-template.ts';
import { inKeyOrder, isGiven, selectorErrors } from '../checks.ts';
import { ensureObject, mapAt, numberAt, objectAt } from '../fields.ts';
import { immutableErrors } from '../immutable.ts';
import { nameWarnings } from '../name-warnings.ts';
import { failurePolicyShape, successPolicyShape } from './job-policies.ts';
import { defaultJobSpec, jobSpecErrors } from './job-spec.ts';
import { jobStatusErrors } from './job-status.ts';

const NAME_LABELS = ['job-name', 'batch.kubernetes.io/job-name'];
const UID_LABEL = 'batch.kubernetes.io/controller-uid';
const UID_LABELS = ['controller-uid', UID_LABEL];

export const jobStrategy: KindStrategy = {
  applyDefaults(job) {
    const spec = ensureObject(job, 'spec');
    defaultJobSpec(spec);
    shareLabels(job);
  },
  prepareForCreate(job) {
    if (job.spec?.['manualSelector'] === true) return;
    generateSelector(job);
    shareLabels(job);
  },
  validate(job, old) {
    const errors = ownErrors(job, old ?? job);
    return old ? [...errors, ...updateErrors(job, old)] : errors;
  },
  warnings: (job, old) => [...(old ? [] : nameWarnings(job)), ...changedTemplateWarnings(job, old)],
  subresources: { status: { validate: jobStatusErrors } },
};

/** A Job without labels has those of its pods: the same ones, so that it gets those that are generated, too. */
function shareLabels(job: KubeObject): void {
  const labels = objectAt(objectAt(objectAt(job.spec, 'template'), 'metadata'), 'labels');
  if (labels && !isGiven(job.metadata.labels)) job.metadata.labels = labels as Record<string, string>;
}

/** Pods are known by the Job's uid: no two Jobs can have the same, whatever they are called. */
function generateSelector({ metadata, spec = {} }: KubeObject): void {
  const labels = ensureObject(ensureObject(ensureObject(spec, 'template'), 'metadata'), 'labels');
  for (const label of NAME_LABELS) labels[label] ??= metadata.name;
  for (const label of UID_LABELS) labels[label] ??= metadata.uid;
  ensureObject(ensureObject(spec, 'selector'), 'matchLabels')[UID_LABEL] ??= metadata.uid;
}

/** Errors of a Job by itself. `old` says which labels its template has to have: those of old versions have fewer. */
function ownErrors(job: KubeObject, old: KubeObject): StatusCause[] {
  return [...generatedSelectorErrors(job, old), ...specErrors(job.spec ?? {}), ...hostNameErrors(job)];
}

function specErrors(spec: Fields): StatusCause[] {
  const selector = objectAt(spec, 'selector');
  return [
    ...jobSpecErrors(spec, 'spec'),
    ...(selector ? selectorErrors(selector, 'spec.selector') : [requiredValue('spec.selector')]),
    ...(isUnusable(selector) ? [] : templateLabelErrors(spec)),
  ];
}

function generatedSelectorErrors(job: KubeObject, old: KubeObject): StatusCause[] {
  const spec = job.spec ?? {};
  const selector = objectAt(spec, 'selector');
  if (spec['manualSelector'] === true || !selector) return [];
  const labelsOf = (of: KubeObject): Record<string, string> =>
    mapAt(objectAt(objectAt(of.spec, 'template'), 'metadata'), 'labels');
  const prefixed = [NAME_LABELS[1], UID_LABEL].every((label) => Object.hasOwn(labelsOf(old), label ?? ''));
  const all = { 'controller-uid': job.metadata.uid ?? '', 'job-name': job.metadata.name };
  const expected: Record<string, string> = prefixed
    ? { ...all, [UID_LABEL]: job.metadata.uid ?? '', 'batch.kubernetes.io/job-name': job.metadata.name }
    : all;
  const labels = labelsOf(job);
  const errors = Object.entries(expected).flatMap(([label, value]) => {
    const at = 'spec.template.metadata.labels';
    if (!Object.hasOwn(labels, label)) return [requiredValue(`${at}[${label}]`, `must be '${value}'`)];
    return labels[label] === value ? [] : [invalidValue(`${at}[${label}]`, inKeyOrder(labels), `must be '${value}'`)];
  });
  if (!isUnusable(selector) && !labelSelectorOf(selector).matches(expected)) {
    errors.push(invalidValue('spec.selector', selector, '`selector` not auto-generated'));
  }
  return errors;
}

/** The pods of an indexed Job have host names. */
function hostNameErrors({ metadata, spec }: KubeObject): StatusCause[] {
  const completions = numberAt(spec, 'completions') ?? 0;
  if (spec?.['completionMode'] !== 'Indexed' || completions <= 0) return [];
  const last = `${metadata.name}-${completions - 1}`;
  if (dnsLabelErrors(last).length === 0) return [];
  const detail = `will not able to create pod with invalid DNS label: ${last}`;
  return [invalidValue('metadata.name', metadata.name, detail)];
}

const keptFields = [
  ...[
    'spec.completionMode',
    'spec.podFailurePolicy',
    'spec.backoffLimitPerIndex',
    'spec.managedBy',
    'spec.successPolicy',
  ],
];
const printedFields = { 'spec.podFailurePolicy': failurePolicyShape, 'spec.successPolicy': successPolicyShape };

function updateErrors(job: KubeObject, old: KubeObject): StatusCause[] {
  return [
    ...specErrors(job.spec ?? {}),
    ...completionsErrors(job, old),
    ...immutableErrors(job, old, ['spec.selector']),
    ...templateErrors(job, old),
    ...immutableErrors(job, old, keptFields, printedFields),
  ];
}

/** An indexed Job is elastic: completions and parallelism change together. */
function completionsErrors(job: KubeObject, old: KubeObject): StatusCause[] {
  const { completions, completionMode, parallelism } = job.spec ?? {};
  if (completionMode !== 'Indexed') return immutableErrors(job, old, ['spec.completions']);
  if (completions === undefined || completions === old.spec?.['completions'] || completions === parallelism) return [];
  const detail = 'can only be modified in tandem with spec.parallelism';
  return [invalidValue('spec.completions', completions, detail)];
}

/** Where the pods of a suspended Job run may change until it has started. */
function templateErrors(job: KubeObject, old: KubeObject): StatusCause[] {
  if (old.spec?.['suspend'] !== true || old.status?.['startTime']) {
    return immutableErrors(job, old, ['spec.template']);
  }
  const [template, before] = [objectAt(job.spec, 'template') ?? {}, objectAt(old.spec, 'template') ?? {}];
  if (equalJson(withoutPlacement(template), withoutPlacement(before))) return [];
  return [invalidValue('spec.template', template, 'field is immutable')];
}

function withoutPlacement({ metadata, spec, ...template }: Fields): Fields {
  const { labels: _, annotations: __, ...named } = (metadata ?? {}) as Fields;
  const { affinity, nodeSelector: _s, tolerations: _t, schedulingGates: _g, ...pod } = (spec ?? {}) as Fields;
  const { nodeAffinity: _n, ...others } = (affinity ?? {}) as Fields;
  return { ...template, metadata: named, spec: { ...pod, affinity: others } };
}
