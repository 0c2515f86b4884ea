import {
  equalJson,
  type Fields,
  invalidValue,
  type KubeObject,
  parseCron,
  requiredValue,
  type StatusCause,
  unsupportedValue,
  zoneError,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { nonNegative, oneOf } from '../checks.ts';
import { ensureObject, objectAt, setDefault, textAt } from '../fields.ts';
import { nameWarnings } from '../name-warnings.ts';
import { templateWarnings } from '../pod/warnings.ts';
import { defaultJobTemplate, jobSpecErrors } from './job-spec.ts';

const MAX_NAME_LENGTH = 52;

export const cronJobStrategy: KindStrategy = {
  applyDefaults(cronJob) {
    const spec = ensureObject(cronJob, 'spec');
    setDefault(spec, 'concurrencyPolicy', 'Allow');
    setDefault(spec, 'suspend', false);
    setDefault(spec, 'successfulJobsHistoryLimit', 3);
    setDefault(spec, 'failedJobsHistoryLimit', 1);
    defaultJobTemplate(ensureObject(ensureObject(spec, 'jobTemplate'), 'spec'));
  },
  validate(cronJob, old) {
    const spec = cronJob.spec ?? {};
    const { name } = cronJob.metadata;
    const errors = [
      ...scheduleErrors(spec, old?.spec),
      ...nonNegative(spec, 'startingDeadlineSeconds', 'spec'),
      ...(old && old.spec?.['timeZone'] === spec['timeZone'] ? [] : timeZoneErrors(spec)),
      ...oneOf(spec, 'concurrencyPolicy', 'spec', ['Allow', 'Forbid', 'Replace']),
      ...templateErrors(spec),
      ...nonNegative(spec, 'successfulJobsHistoryLimit', 'spec'),
      ...nonNegative(spec, 'failedJobsHistoryLimit', 'spec'),
    ];
    // The jobs' names have eleven characters more.
    if (!old && name.length > MAX_NAME_LENGTH) {
      errors.push(invalidValue('metadata.name', name, `must be no more than ${MAX_NAME_LENGTH} characters`));
    }
    return errors;
  },
  warnings: (cronJob, old) => [
    ...(old ? [] : nameWarnings(cronJob)),
    ...(old && equalJson(cronJob.spec, old.spec) ? [] : jobWarnings(cronJob.spec)),
    ...(old ? scheduleWarnings(cronJob) : []),
  ],
  subresources: { status: {} },
};

function jobWarnings(spec: Fields | undefined): string[] {
  return templateWarnings(objectAt(objectAt(spec, 'jobTemplate'), 'spec'), 'spec.jobTemplate.spec.template');
}

function scheduleErrors(spec: Fields, old: Fields | undefined): StatusCause[] {
  const schedule = textAt(spec, 'schedule');
  if (schedule === '') return [requiredValue('spec.schedule')];
  const parsed = parseCron(schedule);
  const errors = typeof parsed === 'string' ? [invalidValue('spec.schedule', schedule, parsed)] : [];
  if (!schedule.includes('TZ')) return errors;
  // Those of old versions may keep it.
  if (!textAt(old, 'schedule').includes('TZ')) {
    const detail = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    errors.push(invalidValue('spec.schedule', schedule, detail));
  } else if (spec['timeZone'] !== undefined) {
    const detail = 'cannot use both timeZone field and TZ or CRON_TZ in schedule';
    errors.push(invalidValue('spec.schedule', schedule, detail));
  }
  return errors;
}

function scheduleWarnings({ spec }: KubeObject): string[] {
  if (!textAt(spec, 'schedule').includes('TZ')) return [];
  const more = 'https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones';
  return [`cannot use TZ or CRON_TZ in spec.schedule, use timeZone instead, see ${more} for more details`];
}

function timeZoneErrors(spec: Fields): StatusCause[] {
  const zone = spec['timeZone'];
  if (typeof zone !== 'string') return [];
  const wrong = (detail: string): StatusCause[] => [invalidValue('spec.timeZone', zone, detail)];
  if (zone === '') return wrong('timeZone must be nil or non-empty string');
  const parts = zone.split('/');
  if (parts.some((part) => !/^[A-Za-z._0-9+][A-Za-z.\-_0-9+]{0,13}$/.test(part) || part === '.' || part === '..')) {
    return wrong(`unknown time zone ${zone}`);
  }
  const isLocal = zone.toLowerCase() === 'local';
  const error = zone === 'Local' ? undefined : zoneError(zone);
  return [
    ...(isLocal ? wrong('timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones') : []),
    ...(error === undefined ? [] : wrong(error)),
  ];
}

function templateErrors(spec: Fields): StatusCause[] {
  const template = objectAt(objectAt(spec, 'jobTemplate'), 'spec') ?? {};
  const at = 'spec.jobTemplate.spec';
  const errors = jobSpecErrors(template, at);
  if (template['selector'] !== undefined) {
    errors.push(invalidValue(`${at}.selector`, template['selector'], '`selector` will be auto-generated'));
  }
  if (template['manualSelector'] === true) {
    errors.push(unsupportedValue(`${at}.manualSelector`, true, ['nil', 'false']));
  }
  return errors;
}
