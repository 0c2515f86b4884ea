import { compareText, humanDuration, type KubeObject } from '../../machinery/index.ts';
import type { TablePrinter } from '../contracts.ts';
import { AGE, ageOf, column, NAME, NONE, table } from './table.ts';

interface QuotaStatus {
  hard?: Record<string, string>;
  used?: Record<string, string>;
}

export const resourceQuotaPrinter = table<KubeObject<object, QuotaStatus>>(
  [
    NAME,
    column('Request', 'What is used of what can be requested.'),
    column('Limit', 'What is used of the limits.'),
    AGE,
  ],
  ({ metadata, status }, now) => {
    const texts = Object.keys(status?.hard ?? {})
      .sort(compareText)
      .map((name) => ({ name, text: `${name}: ${status?.used?.[name] ?? '0'}/${status?.hard?.[name]}` }));
    const isLimit = ({ name }: { name: string }): boolean => name.startsWith('limits.');
    const joined = (limits: boolean): string =>
      texts
        .filter((entry) => isLimit(entry) === limits)
        .map(({ text }) => text)
        .join(', ');
    return [metadata.name, joined(false), joined(true), ageOf({ metadata }, now)];
  },
);

export const runtimeClassPrinter = table<KubeObject & { handler?: string }>(
  [NAME, column('Handler', 'What runs the pods of the class.'), AGE],
  (runtimeClass, now) => [runtimeClass.metadata.name, runtimeClass.handler ?? '', ageOf(runtimeClass, now)],
);

interface RequestSpec {
  signerName?: string;
  username?: string;
  expirationSeconds?: number;
}
interface RequestStatus {
  conditions?: { type: string }[];
  certificate?: string;
}

export const certificateSigningRequestPrinter = table<KubeObject<RequestSpec, RequestStatus>>(
  [
    NAME,
    AGE,
    column('SignerName', 'Who is asked to sign.'),
    column('Requestor', 'Who asks.'),
    column('RequestedDuration', 'How long the certificate is to be valid.'),
    column('Condition', 'What has come of it.'),
  ],
  (request, now) => {
    const seconds = request.spec?.expirationSeconds;
    return [
      request.metadata.name,
      ageOf(request, now),
      request.spec?.signerName || NONE,
      request.spec?.username ?? '',
      seconds === undefined ? NONE : humanDuration(seconds * 1000),
      requestState(request.status),
    ];
  },
);

function requestState(status: RequestStatus | undefined): string {
  const has = (type: string): boolean => status?.conditions?.some((condition) => condition.type === type) ?? false;
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return `${decision}${has('Failed') ? ',Failed' : ''}${status?.certificate ? ',Issued' : ''}`;
}

interface FlowSchemaSpec {
  priorityLevelConfiguration?: { name?: string };
  matchingPrecedence?: number;
  distinguisherMethod?: { type?: string };
}

const precedenceOf = ({ spec }: KubeObject): number => (spec as FlowSchemaSpec | undefined)?.matchingPrecedence ?? 0;

const flowSchemaTable = table<KubeObject<FlowSchemaSpec, { conditions?: { type: string; status: string }[] }>>(
  [
    NAME,
    column('PriorityLevel', 'Level at which its requests are served.'),
    column('MatchingPrecedence', 'Lower is asked first.'),
    column('DistinguisherMethod', 'How its requests are told apart.'),
    AGE,
    column('MissingPL', 'Whether its level does not exist.'),
  ],
  (schema, now) => [
    schema.metadata.name,
    schema.spec?.priorityLevelConfiguration?.name ?? '',
    schema.spec?.matchingPrecedence ?? 0,
    schema.spec?.distinguisherMethod?.type ?? NONE,
    ageOf(schema, now),
    schema.status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
  ],
);

/** Schemas are shown in the order in which they are asked. */
export const flowSchemaPrinter: TablePrinter = {
  ...flowSchemaTable,
  order: (a, b) => precedenceOf(a) - precedenceOf(b) || compareText(a.metadata.name, b.metadata.name),
};

interface LevelSpec {
  type?: string;
  limited?: {
    nominalConcurrencyShares?: number;
    limitResponse?: { queuing?: { queues?: number; handSize?: number; queueLengthLimit?: number } };
  };
}

export const priorityLevelPrinter = table<KubeObject<LevelSpec>>(
  [
    NAME,
    column('Type', 'Exempt or Limited.'),
    column('NominalConcurrencyShares', 'Its share of the seats.'),
    column('Queues', 'Number of queues.'),
    column('HandSize', 'Number of queues for one flow.'),
    column('QueueLengthLimit', 'How many requests wait in a queue.'),
    AGE,
  ],
  (level, now) => {
    const { limited } = level.spec ?? {};
    const queuing = limited?.limitResponse?.queuing;
    return [
      level.metadata.name,
      level.spec?.type ?? '',
      limited ? (limited.nominalConcurrencyShares ?? 0) : NONE,
      queuing?.queues ?? NONE,
      queuing?.handSize ?? NONE,
      queuing?.queueLengthLimit ?? NONE,
      ageOf(level, now),
    ];
  },
);

interface ComponentStatus extends KubeObject {
  conditions?: { type: string; status: string; message?: string; error?: string }[];
}

export const componentStatusPrinter = table<ComponentStatus>(
  [
    NAME,
    column('Status', 'Healthy or not.'),
    column('Message', 'What the check said.'),
    column('Error', 'What went wrong with the check.'),
  ],
  ({ metadata, conditions }) => {
    const healthy = conditions?.find(({ type }) => type === 'Healthy');
    const status = healthy ? (healthy.status === 'True' ? 'Healthy' : 'Unhealthy') : 'Unknown';
    return [metadata.name, status, healthy?.message ?? '', healthy?.error ?? ''];
  },
);

interface ApiServiceSpec {
  service?: { namespace?: string; name?: string };
}

export const apiServicePrinter = table<
  KubeObject<ApiServiceSpec, { conditions?: { type: string; status: string; reason?: string }[] }>
>(
  [
    NAME,
    column('Service', 'Who serves the API: a service, or this server itself.'),
    column('Available', 'Whether it is served.'),
    AGE,
  ],
  (service, now) => {
    const to = service.spec?.service;
    const available = service.status?.conditions?.find(({ type }) => type === 'Available');
    const reason = available && available.status !== 'True' ? ` (${available.reason ?? ''})` : '';
    return [
      service.metadata.name,
      to ? `${to.namespace ?? ''}/${to.name ?? ''}` : 'Local',
      available ? `${available.status}${reason}` : 'Unknown',
      ageOf(service, now),
    ];
  },
);
