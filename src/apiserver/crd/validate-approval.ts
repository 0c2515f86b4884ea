import { invalidValue, requiredValue, type StatusCause } from '../../machinery/index.ts';
import type { CustomResourceDefinition } from './definition.ts';

const ANNOTATION = 'api-approved.kubernetes.io';
const SEE = 'see https://github.com/kubernetes/enhancements/pull/1111';

type Approval = 'missing' | 'bypassed' | 'approved' | 'invalid';

function approvalOf({ metadata }: CustomResourceDefinition): Approval {
  const text = metadata.annotations?.[ANNOTATION] ?? '';
  if (text === '') return 'missing';
  if (text.startsWith('unapproved')) return 'bypassed';
  return URL.parse(text)?.host ? 'approved' : 'invalid';
}

/**
 * Groups of the Kubernetes community, *.k8s.io and *.kubernetes.io, are only for APIs that say where they were approved
 * (KEP-2337). An update that leaves that as it was passes.
 */
export function validateApproval(
  crd: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): StatusCause[] {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(crd.spec?.group ?? '')) return [];
  const approval = approvalOf(crd);
  if (old && approvalOf(old) === approval) return [];
  const at = `metadata.annotations[${ANNOTATION}]`;
  const must = `protected groups must have approval annotation "${ANNOTATION}"`;
  if (approval === 'missing') return [requiredValue(at, `${must}, ${SEE}`)];
  if (approval !== 'invalid') return [];
  const detail = `${must} with either a URL or a reason starting with "unapproved", ${SEE}`;
  return [invalidValue(at, crd.metadata.annotations?.[ANNOTATION], detail)];
}
