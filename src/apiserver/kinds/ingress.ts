import { isIP } from 'node:net';
import {
  dns1035LabelErrors,
  dnsSubdomainErrors,
  type Fields,
  invalidValue,
  type KubeObject,
  portNameErrors,
  portNumberErrors,
  requiredValue,
  type StatusCause,
  unsupportedValue,
  wildcardSubdomainErrors,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { invalidAll } from './checks.ts';
import { numberAt, objectAt, objectsAt, textAt, textsAt } from './fields.ts';
import { entryAddressErrors, entryNameErrors, entryPoints, entryPointWarnings } from './networking/entry-points.ts';
import { typedReferenceErrors } from './networking/ingress-class.ts';

const classAnnotation = 'kubernetes.io/ingress.class';

export const ingressStrategy: KindStrategy = {
  validate(ingress, old) {
    const spec = ingress.spec ?? {};
    const rules = objectsAt(spec, 'rules');
    const backend = objectAt(spec, 'defaultBackend');
    const errors: StatusCause[] = [];
    if (rules.length === 0 && !backend) {
      errors.push(invalidValue('spec', null, 'either `defaultBackend` or `rules` must be specified'));
    }
    if (backend) errors.push(...backendErrors(backend, 'spec.defaultBackend'));
    rules.forEach((rule, index) => {
      errors.push(...ruleErrors(rule, `spec.rules[${index}]`));
    });
    objectsAt(spec, 'tls').forEach((tls, index) => {
      errors.push(...tlsErrors(tls, `spec.tls[${index}]`));
    });
    if (spec['ingressClassName'] !== undefined) {
      const name = textAt(spec, 'ingressClassName');
      errors.push(...invalidAll('spec.ingressClassName', name, dnsSubdomainErrors(name)));
    }
    return old ? errors : [...classErrors(ingress), ...errors];
  },
  warnings({ metadata, spec }, old) {
    const deprecated = !old && metadata.annotations?.[classAnnotation] !== undefined;
    if (!deprecated || spec?.['ingressClassName'] !== undefined) return [];
    return [`annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`];
  },
  subresources: {
    status: {
      validate(ingress, old) {
        return entryPoints(ingress).flatMap((point, index) => {
          const path = `status.loadBalancer.ingress[${index}]`;
          return [...entryAddressErrors(point, path, old), ...entryNameErrors(point, path)];
        });
      },
      warnings: entryPointWarnings,
    },
  },
};

/** The annotation that came before the field must say the same. */
function classErrors({ metadata, spec }: KubeObject): StatusCause[] {
  const [annotation, name] = [metadata.annotations?.[classAnnotation], spec?.['ingressClassName']];
  if (annotation === undefined || name === undefined || annotation === name) return [];
  const detail = 'must match `ingressClassName` when both are specified';
  return [invalidValue(`annotations.${classAnnotation}`, annotation, detail)];
}

function hostErrors(host: string, path: string): StatusCause[] {
  return invalidAll(path, host, host.includes('*') ? wildcardSubdomainErrors(host) : dnsSubdomainErrors(host));
}

function ruleErrors(rule: Fields, path: string): StatusCause[] {
  const host = textAt(rule, 'host');
  const errors: StatusCause[] = [];
  if (isIP(host) !== 0) errors.push(invalidValue(`${path}.host`, host, 'must be a DNS name, not an IP address'));
  if (host !== '') errors.push(...hostErrors(host, `${path}.host`));
  const http = objectAt(rule, 'http');
  if (!http) return errors;
  const paths = objectsAt(http, 'paths');
  if (paths.length === 0) errors.push(requiredValue(`${path}.http.paths`));
  paths.forEach((item, index) => {
    errors.push(...pathErrors(item, `${path}.http.paths[${index}]`));
  });
  return errors;
}

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];
const badSequences = ['//', '/./', '/../', '%2f', '%2F'];
const badEndings = ['/..', '/.'];

function pathErrors(item: Fields, path: string): StatusCause[] {
  const [type, target] = [textAt(item, 'pathType'), textAt(item, 'path')];
  if (type === '') return [requiredValue(`${path}.pathType`, 'pathType must be specified')];
  const errors: StatusCause[] = [];
  const wrong = (detail: string): number => errors.push(invalidValue(`${path}.path`, target, detail));
  const strict = type === 'Exact' || type === 'Prefix';
  if (!pathTypes.includes(type)) errors.push(unsupportedValue(`${path}.pathType`, type, pathTypes));
  else if (!target.startsWith('/') && (strict || target !== '')) wrong('must be an absolute path');
  if (strict) {
    for (const sequence of badSequences) if (target.includes(sequence)) wrong(`must not contain '${sequence}'`);
    for (const ending of badEndings) if (target.endsWith(ending)) wrong(`cannot end with '${ending}'`);
  }
  return [...errors, ...backendErrors(objectAt(item, 'backend') ?? {}, `${path}.backend`)];
}

function backendErrors(backend: Fields, path: string): StatusCause[] {
  const [resource, service] = [objectAt(backend, 'resource'), objectAt(backend, 'service')];
  if (resource && service) return [invalidValue(path, '', 'cannot set both resource and service backends')];
  if (resource) return typedReferenceErrors(resource, `${path}.resource`);
  if (!service) return [invalidValue(path, '', 'resource or service backend is required')];
  const name = textAt(service, 'name');
  const at = `${path}.service`;
  return [
    ...(name === '' ? [requiredValue(`${at}.name`)] : invalidAll(`${at}.name`, name, dns1035LabelErrors(name))),
    ...backendPortErrors(objectAt(service, 'port'), path),
  ];
}

function backendPortErrors(port: Fields | undefined, path: string): StatusCause[] {
  const [name, number] = [textAt(port, 'name'), numberAt(port, 'number') ?? 0];
  if (name !== '' && number !== 0) return [invalidValue(path, '', 'cannot set both port name & port number')];
  if (name !== '') return invalidAll(`${path}.service.port.name`, name, portNameErrors(name));
  if (number !== 0) return invalidAll(`${path}.service.port.number`, number, portNumberErrors(number));
  return [requiredValue(path, 'port name or number is required')];
}

function tlsErrors(tls: Fields, path: string): StatusCause[] {
  const secret = textAt(tls, 'secretName');
  return [
    ...textsAt(tls, 'hosts').flatMap((host, index) => hostErrors(host, `${path}.hosts[${index}]`)),
    ...(secret === '' ? [] : invalidAll(`${path}.secretName`, secret, dnsSubdomainErrors(secret))),
  ];
}
