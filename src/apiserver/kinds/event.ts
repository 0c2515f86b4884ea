import {
  equalJson,
  type Fields,
  invalidValue,
  isFields,
  type KubeObject,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { invalidAll, isGiven } from './checks.ts';
import { numberAt, objectAt, textAt } from './fields.ts';
import { internalForm, type Shape } from './internal-form.ts';
import { pathSegmentErrors } from './path-segment.ts';

/** Events of the core group, in their old form (timestamps and count) and their new one (eventTime). */
export const eventStrategy: KindStrategy = {
  createsOnUpdate: true,
  nameErrors: pathSegmentErrors,
  validate: (event) => commonErrors(event, event, 'reportingComponent'),
};

/** What events.k8s.io calls the fields of the core group; errors name the latter. */
const fieldNames: Readonly<Record<string, string>> = {
  involvedObject: 'regarding',
  reportingComponent: 'reportingController',
  message: 'note',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
};

function inCoreTerms(event: Fields): Fields {
  const renamed = Object.entries(fieldNames).map(([name, given]) => [name, event[given]]);
  return { ...event, ...Object.fromEntries(renamed) };
}

/** Events of events.k8s.io, which are in the new form and stay as they are but for their series. */
export const newEventStrategy: KindStrategy = {
  createsOnUpdate: true,
  validate(event, old) {
    const fields = inCoreTerms(event);
    const errors = commonErrors(event, fields, 'reportingController');
    if (old) return [...errors, ...changeErrors(fields, inCoreTerms(old))];
    return [...errors, ...seriesErrors(event), ...newErrors(fields)];
  },
};

function commonErrors({ metadata }: KubeObject, event: Fields, controllerField: string): StatusCause[] {
  const namespace = metadata.namespace ?? '';
  const about = textAt(objectAt(event, 'involvedObject'), 'namespace');
  const errors: StatusCause[] = [];
  const wrong = (): number =>
    errors.push(invalidValue('involvedObject.namespace', about, 'does not match event.namespace'));
  if (textAt(event, 'eventTime') === '') {
    if (about === '' ? !['', 'default'].includes(namespace) : about !== namespace) wrong();
    return errors;
  }
  if (about === '' && !['default', 'kube-system'].includes(namespace)) wrong();
  const controller = textAt(event, 'reportingComponent');
  if (controller === '') errors.push(requiredValue(controllerField));
  errors.push(...invalidAll(controllerField, controller, qualifiedNameErrors(controller)));
  for (const [field, max] of Object.entries({ reportingInstance: 128, action: 128, reason: 128, message: 1024 })) {
    const value = textAt(event, field);
    if (value === '' && field !== 'message') errors.push(requiredValue(field));
    if (value.length > max) errors.push(invalidValue(field, '', `can have at most ${max} characters`));
  }
  return errors;
}

function seriesErrors(event: Fields): StatusCause[] {
  const series = objectAt(event, 'series');
  if (!series) return [];
  return [
    ...((numberAt(series, 'count') ?? 0) < 2 ? [invalidValue('series.count', '', 'should be at least 2')] : []),
    ...(isGiven(series['lastObservedTime']) ? [] : [requiredValue('series.lastObservedTime')]),
  ];
}

/** What is wrong with a new event that has fields of the old form, or lacks some of the new one. */
function newErrors(event: Fields): StatusCause[] {
  const errors = textAt(event, 'eventTime') === '' ? [requiredValue('eventTime')] : [];
  const type = textAt(event, 'type');
  if (type !== 'Normal' && type !== 'Warning') errors.push(invalidValue('type', '', `has invalid value: ${type}`));
  for (const field of ['firstTimestamp', 'lastTimestamp', 'count', 'source']) {
    if (event[field] && isGiven(event[field])) errors.push(invalidValue(field, '', 'needs to be unset'));
  }
  return errors;
}

const referenceShape: Shape = {
  Kind: 'kind=""',
  Namespace: 'namespace=""',
  Name: 'name=""',
  UID: 'uid=""',
  APIVersion: 'apiVersion=""',
  ResourceVersion: 'resourceVersion=""',
  FieldPath: 'fieldPath=""',
};

/** In upstream's order, and with its repetition. */
const immutable = (
  'involvedObject reason message source firstTimestamp lastTimestamp count reason type eventTime action related ' +
  'reportingController reportingInstance'
).split(' ');

function changeErrors(event: Fields, old: Fields): StatusCause[] {
  const errors = equalJson(event['series'], old['series']) ? [] : seriesErrors(event);
  for (const field of immutable) {
    const value = event[field];
    if (equalJson(value ?? null, old[field] ?? null)) continue;
    const reference = (field === 'involvedObject' || field === 'related') && isFields(value);
    errors.push(invalidValue(field, reference ? internalForm(value, referenceShape) : value, 'field is immutable'));
  }
  return errors;
}
