import {
  CelError,
  type CelType,
  celType,
  compileCel,
  type Fields,
  formatType,
  invalidValue,
  isFields,
  requiredValue,
  type StatusCause,
  tooLong,
  tooMany,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { objectAt, objectsAt, textAt } from '../fields.ts';
import { isExtendedResource } from '../resource-names.ts';
import { driverNameErrors } from '../storage/csi.ts';

const maxItems = 32;
const maxExpression = 10 * 1024;
const maxParameters = 10 * 1024;

/** Values by the domain and name of what a driver says of a device. */
const byDomain = (value: CelType): CelType => celType.map(celType.string, celType.map(celType.string, value));

/** What a selector sees. The value of an attribute is of a type that only the driver knows. */
const device = celType.object('kubernetes.DRADevice', {
  driver: celType.string,
  attributes: byDomain(celType.dyn),
  capacity: byDomain(celType.opaque('kubernetes.Quantity')),
});

export const deviceClassStrategy: KindStrategy = {
  prepareForCreate({ spec }) {
    dropDisabled(spec);
  },
  prepareForUpdate({ spec }) {
    dropDisabled(spec);
  },
  validate({ spec }) {
    const configs = objectsAt(spec, 'config');
    const name = spec?.['extendedResourceName'];
    return [
      ...selectorsErrors(objectsAt(spec, 'selectors'), 'spec.selectors'),
      ...configs.flatMap((config, index) => configurationErrors(config, `spec.config[${index}]`)),
      ...(configs.length > maxItems ? [tooMany('spec.config', configs.length, maxItems)] : []),
      ...(typeof name === 'string' && !isExtendedResource(name)
        ? [invalidValue('spec.extendedResourceName', name, 'must be a valid extended resource name')]
        : []),
    ];
  },
};

/** What belongs to features that are off by default in 1.34 is not kept. */
function dropDisabled(spec: Fields | undefined): void {
  delete spec?.['extendedResourceName'];
}

/** The selectors of devices: CEL over `device`. */
export function selectorsErrors(selectors: readonly Fields[], path: string): StatusCause[] {
  const errors = selectors.flatMap((selector, index) => {
    const cel = objectAt(selector, 'cel');
    const at = `${path}[${index}].cel`;
    return cel ? expressionErrors(textAt(cel, 'expression'), `${at}.expression`) : [requiredValue(at)];
  });
  return selectors.length > maxItems ? [...errors, tooMany(path, selectors.length, maxItems)] : errors;
}

function expressionErrors(expression: string, path: string): StatusCause[] {
  if (Buffer.byteLength(expression) > maxExpression) return [tooLong(path, maxExpression)];
  try {
    const { type } = compileCel(expression, { variables: { device } });
    if (type.kind === 'bool' || type.kind === 'dyn') return [];
    const detail = `must evaluate to bool or the unknown type, not ${formatType(type)}`;
    return [invalidValue(path, expression, detail)];
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return [invalidValue(path, expression, `compilation failed: ${error.report}`)];
  }
}

/** The configuration of a device's driver. */
export function configurationErrors(config: Fields, path: string): StatusCause[] {
  const opaque = objectAt(config, 'opaque');
  const at = `${path}.opaque`;
  if (!opaque) return [requiredValue(at)];
  return [
    ...driverNameErrors(textAt(opaque, 'driver'), `${at}.driver`),
    ...rawObjectErrors(opaque['parameters'], `${at}.parameters`, maxParameters),
  ];
}

/** Any JSON object of at most some bytes. */
export function rawObjectErrors(value: unknown, path: string, max: number): StatusCause[] {
  if (value === undefined || value === null) return [requiredValue(path)];
  if (Buffer.byteLength(JSON.stringify(value)) > max) return [tooLong(path, max)];
  return isFields(value) ? [] : [invalidValue(path, '<value omitted>', 'must be a valid JSON object')];
}
