import {
  dns1035LabelErrors,
  dnsSubdomainErrors,
  type Fields,
  forbiddenValue,
  invalidValue,
  portNumberErrors,
  requiredValue,
  type StatusCause,
  timestamp,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { invalidAll } from './checks.ts';
import { numberAt, objectAt, objectsAt, textAt } from './fields.ts';
import { pathSegmentErrors } from './path-segment.ts';

const statuses = ['True', 'False', 'Unknown'];

/** The status of an API that this server serves itself. */
export function localApiStatus(): Fields {
  const condition = {
    type: 'Available',
    status: 'True',
    reason: 'Local',
    message: 'Local APIServices are always available',
    lastTransitionTime: timestamp(),
  };
  return { conditions: [condition] };
}

/** APIServices say who serves a group and version: here, always this server. */
export const apiServiceStrategy: KindStrategy = {
  keepsMetadataOnStatus: true,
  needsVersion: true,
  // The name follows from the spec, so validate looks at it.
  nameErrors: () => [],
  prepareForCreate(service) {
    service.status = localApiStatus();
  },
  validate({ metadata, spec }) {
    const [group, version] = [textAt(spec, 'group'), textAt(spec, 'version')];
    const errors: StatusCause[] = invalidAll('metadata.name', metadata.name, nameErrors(metadata.name, group, version));
    if (group === '' && version !== 'v1') {
      errors.push(requiredValue('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
    }
    if (group !== '') errors.push(...invalidAll('spec.group', group, dnsSubdomainErrors(group)));
    errors.push(...invalidAll('spec.version', version, dns1035LabelErrors(version)));
    errors.push(...priorityErrors(spec, 'groupPriorityMinimum', 20_000));
    errors.push(...priorityErrors(spec, 'versionPriority', 1000));
    const service = objectAt(spec, 'service');
    return [...errors, ...(service ? serviceErrors(service) : localErrors(spec))];
  },
  subresources: { status: { validate: ({ status }) => statusErrors(status) } },
};

function statusErrors(status: Fields | undefined): StatusCause[] {
  return objectsAt(status, 'conditions').flatMap((condition, index) => {
    const value = textAt(condition, 'status');
    if (statuses.includes(value)) return [];
    return [unsupportedValue(`status.conditions[${index}].status`, value, statuses)];
  });
}

function nameErrors(name: string, group: string, version: string): string[] {
  const wrong = pathSegmentErrors(name);
  const required = `${version}.${group}`;
  if (wrong.length > 0 || name === required) return wrong;
  return [`must be \`spec.version+"."+spec.group\`: ${JSON.stringify(required)}`];
}

function priorityErrors(spec: Fields | undefined, key: string, max: number): StatusCause[] {
  const priority = numberAt(spec, key) ?? 0;
  if (priority > 0 && priority <= max) return [];
  return [invalidValue(`spec.${key}`, priority, `must be positive and less than ${max}`)];
}

function localErrors(spec: Fields | undefined): StatusCause[] {
  const errors: StatusCause[] = [];
  const bundle = Buffer.from(textAt(spec, 'caBundle'), 'base64').length;
  if (bundle > 0) {
    errors.push(invalidValue('spec.caBundle', `${bundle} bytes`, 'local APIServices may not have a caBundle'));
  }
  if (spec?.['insecureSkipTLSVerify'] === true) {
    const detail = 'local APIServices may not have insecureSkipTLSVerify';
    errors.push(invalidValue('spec.insecureSkipTLSVerify', true, detail));
  }
  return errors;
}

/** This server passes no requests on: an API that another one is to serve would never be there. */
function serviceErrors(service: Fields): StatusCause[] {
  const errors = ['namespace', 'name']
    .filter((key) => textAt(service, key) === '')
    .map((key) => requiredValue(`spec.service.${key}`));
  const port = numberAt(service, 'port') ?? 443;
  const wrong = portNumberErrors(port);
  if (wrong.length > 0) errors.push(invalidValue('spec.service.port', port, `port is not valid: ${wrong.join(', ')}`));
  const detail =
    'this API server does not pass requests on to other API servers; serve the API with a CustomResourceDefinition';
  return [...errors, forbiddenValue('spec.service', detail)];
}
