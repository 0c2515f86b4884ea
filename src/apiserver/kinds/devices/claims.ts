import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
  tooMany,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll, labelErrors } from '../checks.ts';
import { ensureObject, mapAt, numberAt, objectAt, objectsAt, setDefault, textAt, textsAt } from '../fields.ts';
import { internalForm, type Shape } from '../internal-form.ts';
import { deviceTolerationErrors, fullyQualifiedNameErrors, maxRequests, referencesErrors } from './checks.ts';
import { claimStatusErrors, dropDeallocated } from './claim-status.ts';
import { configurationErrors, selectorsErrors } from './class.ts';

const maxAlternatives = 8;
const maxConstraints = 32;
const maxConfigs = 32;
const modes = ['All', 'ExactCount'];
const specShape: Shape = {
  Devices: [
    'devices',
    {
      Requests: [
        'requests',
        {
          Name: 'name=""',
          Exactly: [
            'exactly',
            {
              DeviceClassName: 'deviceClassName=""',
              Selectors: ['selectors', { CEL: ['cel', { Expression: 'expression=""' }] }],
              AllocationMode: 'allocationMode=""',
              Count: 'count=0',
              AdminAccess: 'adminAccess',
              Tolerations: 'tolerations',
              Capacity: 'capacity',
            },
          ],
          FirstAvailable: 'firstAvailable',
        },
      ],
      Constraints: 'constraints',
      Config: 'config',
    },
  ],
};
const templateShape: Shape = { Spec: ['spec', specShape] };

export const resourceClaimStrategy: KindStrategy = {
  keepsMetadataOnStatus: true,
  applyDefaults({ spec }) {
    defaultClaim(spec);
  },
  prepareForCreate(claim) {
    claim.status = {};
    dropDisabled(ensureObject(claim, 'spec'));
  },
  prepareForUpdate(claim) {
    dropDisabled(ensureObject(claim, 'spec'));
  },
  validate({ spec }, old) {
    const errors = claimErrors(spec ?? {}, 'spec');
    if (!old) return errors;
    return [...errors, ...specChangeErrors(spec, old, specShape), ...errors];
  },
  subresources: {
    status: {
      prepareForUpdate: dropDeallocated,
      validate: (claim, old) => claimStatusErrors(claim, old, requestNames(objectAt(claim.spec, 'devices') ?? {})),
    },
  },
};

export const resourceClaimTemplateStrategy: KindStrategy = {
  applyDefaults({ spec }) {
    defaultClaim(objectAt(spec, 'spec'));
    ensureObject(spec ?? {}, 'metadata');
  },
  prepareForCreate({ spec }) {
    dropDisabled(objectAt(spec, 'spec') ?? {});
  },
  validate({ spec }, old) {
    const metadata = objectAt(spec, 'metadata');
    const errors = [
      ...labelErrors(mapAt(metadata, 'labels'), 'spec.metadata.labels'),
      ...Object.keys(metadata ?? {})
        .filter((key) => key !== 'labels' && key !== 'annotations')
        .map((key) => forbiddenValue(`spec.metadata.${key}`, 'cannot be set')),
      ...claimErrors(objectAt(spec, 'spec') ?? {}, 'spec.spec'),
    ];
    return old ? [...specChangeErrors(spec, old, templateShape), ...errors] : errors;
  },
};

function specChangeErrors(spec: Fields = {}, old: KubeObject, shape: Shape): StatusCause[] {
  if (equalJson(spec, old.spec ?? {})) return [];
  return [invalidValue('spec', internalForm(spec, shape), 'field is immutable')];
}

function requestsOf(spec: Fields | undefined): readonly Fields[] {
  return objectsAt(objectAt(spec, 'devices'), 'requests');
}

/** Each way in which a request can be met. */
function alternatives(request: Fields): Fields[] {
  const exactly = objectAt(request, 'exactly');
  return [...(exactly ? [exactly] : []), ...objectsAt(request, 'firstAvailable')];
}

function defaultClaim(spec: Fields | undefined): void {
  for (const request of requestsOf(spec).flatMap(alternatives)) {
    setDefault(request, 'allocationMode', 'ExactCount');
    if (request['allocationMode'] === 'ExactCount' && !request['count']) request['count'] = 1;
  }
}

/** What belongs to features that are off by default in 1.34 is not kept. */
function dropDisabled(spec: Fields): void {
  for (const request of requestsOf(spec).flatMap(alternatives)) delete request['capacity'];
}

/** The names of the requests, and of the alternatives of each. */
function requestNames(devices: Fields): ReadonlySet<string> {
  return new Set(
    objectsAt(devices, 'requests').flatMap((request) => {
      const name = textAt(request, 'name');
      return [name, ...objectsAt(request, 'firstAvailable').map((other) => `${name}/${textAt(other, 'name')}`)];
    }),
  );
}

function claimErrors(spec: Fields, path: string): StatusCause[] {
  const devices = objectAt(spec, 'devices') ?? {};
  const at = `${path}.devices`;
  const names = requestNames(devices);
  const [constraints, configs] = [objectsAt(devices, 'constraints'), objectsAt(devices, 'config')];
  return [
    ...namedErrors(objectsAt(devices, 'requests'), maxRequests, `${at}.requests`, requestErrors),
    ...constraints.flatMap((item, i) => constraintErrors(item, `${at}.constraints[${i}]`, names)),
    ...limitErrors(constraints, maxConstraints, `${at}.constraints`),
    ...configs.flatMap((item, i) => configErrors(item, `${at}.config[${i}]`, names)),
    ...limitErrors(configs, maxConfigs, `${at}.config`),
  ];
}

const limitErrors = (items: readonly unknown[], max: number, path: string): StatusCause[] =>
  items.length > max ? [tooMany(path, items.length, max)] : [];

/** Checks a list of which each item has a name of its own. */
function namedErrors(
  items: readonly Fields[],
  max: number,
  path: string,
  check: (item: Fields, path: string) => StatusCause[],
): StatusCause[] {
  const names = new Set<string>();
  return [
    ...items.flatMap((item, index) => check(item, `${path}[${index}]`)),
    ...limitErrors(items, max, path),
    ...items.flatMap((item, index) => {
      const name = textAt(item, 'name');
      if (names.has(name)) return [duplicateValue(`${path}[${index}].name`, name)];
      names.add(name);
      return [];
    }),
  ];
}

function requestErrors(request: Fields, path: string): StatusCause[] {
  const name = textAt(request, 'name');
  const errors = invalidAll(`${path}.name`, name, dnsLabelErrors(name));
  const others = objectsAt(request, 'firstAvailable');
  const exactly = objectAt(request, 'exactly');
  errors.push(...namedErrors(others, maxAlternatives, `${path}.firstAvailable`, alternativeErrors));
  if (exactly) errors.push(...deviceRequestErrors(exactly, `${path}.exactly`));
  const detail = 'exactly one of `exactly` or `firstAvailable` is required';
  if (!exactly && others.length === 0) errors.push(requiredValue(path, detail));
  if (exactly && others.length > 0) {
    errors.push(invalidValue(path, undefined, `${detail}, but multiple fields are set`));
  }
  return errors;
}

function alternativeErrors(request: Fields, path: string): StatusCause[] {
  const name = textAt(request, 'name');
  return [...invalidAll(`${path}.name`, name, dnsLabelErrors(name)), ...deviceRequestErrors(request, path)];
}

function deviceRequestErrors(request: Fields, path: string): StatusCause[] {
  const className = textAt(request, 'deviceClassName');
  const at = `${path}.deviceClassName`;
  return [
    ...(className === '' ? [requiredValue(at)] : invalidAll(at, className, dnsSubdomainErrors(className))),
    ...selectorsErrors(objectsAt(request, 'selectors'), `${path}.selectors`),
    ...modeErrors(textAt(request, 'allocationMode'), numberAt(request, 'count') ?? 0, path),
    ...objectsAt(request, 'tolerations').flatMap((item, i) =>
      deviceTolerationErrors(item, `${path}.tolerations[${i}]`),
    ),
  ];
}

function modeErrors(mode: string, count: number, path: string): StatusCause[] {
  if (!modes.includes(mode)) return [unsupportedValue(`${path}.allocationMode`, mode, modes)];
  if (mode === 'All' && count !== 0) {
    return [invalidValue(`${path}.count`, count, "must not be specified when allocationMode is 'All'")];
  }
  return mode === 'ExactCount' && count <= 0 ? [invalidValue(`${path}.count`, count, 'must be greater than zero')] : [];
}

function constraintErrors(constraint: Fields, path: string, names: ReadonlySet<string>): StatusCause[] {
  const errors = referencesErrors(textsAt(constraint, 'requests'), `${path}.requests`, names);
  const attribute = constraint['matchAttribute'];
  const distinct = constraint['distinctAttribute'];
  if (typeof attribute === 'string') {
    return [...errors, ...fullyQualifiedNameErrors(attribute, `${path}.matchAttribute`)];
  }
  if (typeof distinct === 'string') {
    return [...errors, ...fullyQualifiedNameErrors(distinct, `${path}.distinctAttribute`)];
  }
  return [...errors, requiredValue(`${path}.matchAttribute`)];
}

function configErrors(config: Fields, path: string, names: ReadonlySet<string>): StatusCause[] {
  return [
    ...referencesErrors(textsAt(config, 'requests'), `${path}.requests`, names),
    ...configurationErrors(config, path),
  ];
}
