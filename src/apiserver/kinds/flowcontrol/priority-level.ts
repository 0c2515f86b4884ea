import {
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  rangeMessage,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { ensureObject, numberAt, objectAt, textAt } from '../fields.ts';
import { internalForm, type Shape } from '../internal-form.ts';
import { mandatoryFlowControl } from './bootstrap.ts';
import { conditionErrors } from './flow-schema.ts';

const types = ['Exempt', 'Limited'];
const responses = ['Queue', 'Reject'];
const maxQueues = 10_000_000;
const maxHashBits = 60;
const zeroShares = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares';

export const priorityLevelStrategy: KindStrategy = {
  keepsMetadataOnStatus: true,
  applyDefaults(level) {
    const spec = ensureObject(level, 'spec');
    const [exempt, limited] = [objectAt(spec, 'exempt'), objectAt(spec, 'limited')];
    if (exempt) exempt['nominalConcurrencyShares'] ??= 0;
    if (limited) limited['nominalConcurrencyShares'] ??= 30;
    for (const part of [exempt, limited]) if (part) part['lendablePercent'] ??= 0;
    const queuing = objectAt(objectAt(limited, 'limitResponse'), 'queuing');
    if (queuing) for (const [key, value] of Object.entries(queuingDefaults)) if (!queuing[key]) queuing[key] = value;
  },
  prepareForCreate(level) {
    level.status = {};
  },
  validate(level) {
    const spec = level.spec ?? {};
    const { name, annotations } = level.metadata;
    const errors: StatusCause[] = [];
    if (annotations?.[zeroShares] !== undefined) {
      errors.push(forbiddenValue('metadata.annotations', `annotation '${zeroShares}' is forbidden`));
    }
    return [...errors, ...specErrors(spec, name), ...fixedErrors(spec, name)];
  },
  subresources: { status: { validate: ({ status }) => conditionErrors(status) } },
};

const queuingDefaults = { handSize: 8, queues: 64, queueLengthLimit: 50 };

function fixedErrors(spec: Fields, name: string): StatusCause[] {
  const fixed = mandatoryFlowControl.find(
    (other) => other.kind === 'PriorityLevelConfiguration' && other.metadata.name === name,
  );
  if (!fixed) return [];
  // How much an exempt level lends is for its operator to say.
  const compared = name === 'exempt' ? { ...spec, exempt: fixed.spec?.['exempt'] } : spec;
  if (equalJson(compared, fixed.spec)) return [];
  const but = name === 'exempt' ? " except the 'spec.exempt' field" : '';
  return [invalidValue('spec', internalForm(spec, specShape), `spec of '${name}'${but} must equal the fixed value`)];
}

function specErrors(spec: Fields, name: string): StatusCause[] {
  const type = textAt(spec, 'type');
  const [limited, exempt] = [objectAt(spec, 'limited'), objectAt(spec, 'exempt')];
  const errors: StatusCause[] = [];
  if ((name === 'exempt') !== (type === 'Exempt')) {
    errors.push(invalidValue('spec.type', type, "must be 'Exempt' if and only if `name` is 'exempt'"));
  }
  if (type === 'Exempt') {
    if (limited) errors.push(forbiddenValue('spec.limited', 'must be nil if the type is not Limited'));
    return exempt ? [...errors, ...shareErrors(exempt, 'spec.exempt')] : errors;
  }
  if (type !== 'Limited') return [...errors, unsupportedValue('spec.type', type, types)];
  if (exempt) errors.push(forbiddenValue('spec.exempt', 'must be nil if the type is Limited'));
  if (!limited) return [...errors, requiredValue('spec.limited', 'must not be empty when type is Limited')];
  return [...errors, ...limitedErrors(limited, 'spec.limited')];
}

function sharesErrors(level: Fields, path: string): StatusCause[] {
  const shares = numberAt(level, 'nominalConcurrencyShares') ?? 0;
  if (shares >= 0) return [];
  return [invalidValue(`${path}.nominalConcurrencyShares`, shares, 'must be a non-negative integer')];
}

function lendableErrors(level: Fields, path: string): StatusCause[] {
  const lendable = numberAt(level, 'lendablePercent') ?? 0;
  if (lendable >= 0 && lendable <= 100) return [];
  return [invalidValue(`${path}.lendablePercent`, lendable, rangeMessage(0, 100))];
}

const shareErrors = (level: Fields, path: string): StatusCause[] => [
  ...sharesErrors(level, path),
  ...lendableErrors(level, path),
];

function limitedErrors(limited: Fields, path: string): StatusCause[] {
  const response = objectAt(limited, 'limitResponse') ?? {};
  const borrowing = numberAt(limited, 'borrowingLimitPercent') ?? 0;
  const at = `${path}.borrowingLimitPercent`;
  return [
    ...sharesErrors(limited, path),
    ...responseErrors(response, `${path}.limitResponse`),
    ...lendableErrors(limited, path),
    ...(borrowing < 0 ? [invalidValue(at, borrowing, 'if specified, must be a non-negative integer')] : []),
  ];
}

function responseErrors(response: Fields, path: string): StatusCause[] {
  const [type, queuing] = [textAt(response, 'type'), objectAt(response, 'queuing')];
  const at = `${path}.queuing`;
  if (type === 'Reject') {
    if (!queuing) return [];
    return [forbiddenValue(at, 'must be nil if limited.limitResponse.type is not Limited')];
  }
  if (type !== 'Queue') return [unsupportedValue(`${path}.type`, type, responses)];
  if (!queuing) return [requiredValue(at, 'must not be empty if limited.limitResponse.type is Limited')];
  return queuingErrors(queuing, at);
}

function queuingErrors(queuing: Fields, path: string): StatusCause[] {
  const number = (key: string): number => numberAt(queuing, key) ?? 0;
  const [queues, handSize, length] = [number('queues'), number('handSize'), number('queueLengthLimit')];
  const wrong = (key: string, value: number, detail: string): StatusCause =>
    invalidValue(`${path}.${key}`, value, detail);
  const errors: StatusCause[] = [];
  if (length <= 0) errors.push(wrong('queueLengthLimit', length, 'must be positive'));
  if (queues <= 0) errors.push(wrong('queues', queues, 'must be positive'));
  else if (queues > maxQueues) errors.push(wrong('queues', queues, `must not be greater than ${maxQueues}`));
  if (handSize <= 0) return [...errors, wrong('handSize', handSize, 'must be positive')];
  if (handSize > queues) {
    return [...errors, wrong('handSize', handSize, `should not be greater than queues (${queues})`)];
  }
  const entropy = Math.ceil(Math.log2(queues) * handSize);
  if (entropy <= maxHashBits) return errors;
  const detail = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${maxHashBits}`;
  return [...errors, wrong('handSize', handSize, detail)];
}

/** The spec as upstream's internal type prints it. */
const specShape: Shape = {
  Type: 'type=""',
  Limited: [
    'limited',
    {
      NominalConcurrencyShares: 'nominalConcurrencyShares=0',
      LimitResponse: [
        'limitResponse',
        {
          Type: 'type=""',
          Queuing: ['queuing', { Queues: 'queues=0', HandSize: 'handSize=0', QueueLengthLimit: 'queueLengthLimit=0' }],
        },
      ],
      LendablePercent: 'lendablePercent',
      BorrowingLimitPercent: 'borrowingLimitPercent',
    },
  ],
  Exempt: ['exempt', { NominalConcurrencyShares: 'nominalConcurrencyShares', LendablePercent: 'lendablePercent' }],
};
