import { X509Certificate } from 'node:crypto';
import {
  CelError,
  compileCel,
  dnsSubdomainErrors,
  duplicateValue,
  type Fields,
  invalidValue,
  requiredValue,
  type StatusCause,
  tooMany,
} from '../../../machinery/index.ts';
import { objectAt, objectsAt, textAt, textsAt } from '../../kinds/fields.ts';

const MAX_ISSUERS = 64;

/** What is wrong with an AuthenticationConfiguration, in kube-apiserver's words. */
export function configurationErrors(content: Fields, ownIssuers: readonly string[]): StatusCause[] {
  const jwt = objectsAt(content, 'jwt');
  if (jwt.length > MAX_ISSUERS) return [tooMany('jwt', jwt.length, MAX_ISSUERS)];
  const urls = jwt.map((each) => textAt(objectAt(each, 'issuer'), 'url'));
  const discoveries = jwt.map((each) => textAt(objectAt(each, 'issuer'), 'discoveryURL'));
  const errors = jwt.flatMap((each, index) => {
    const path = `jwt[${index}]`;
    const [url = '', discovery = ''] = [urls[index], discoveries[index]];
    return [
      ...issuerErrors(objectAt(each, 'issuer'), `${path}.issuer`, ownIssuers),
      ...ruleErrors(each, `${path}.claimValidationRules`),
      ...mappingErrors(each, `${path}.claimMappings`),
      ...userRuleErrors(each, `${path}.userValidationRules`),
      ...(urls.indexOf(url) < index ? [duplicateValue(`${path}.issuer.url`, url)] : []),
      ...(discovery !== '' && discoveries.indexOf(discovery) < index
        ? [duplicateValue(`${path}.issuer.discoveryURL`, discovery)]
        : []),
    ];
  });
  const anonymous = objectAt(content, 'anonymous');
  const conditions = objectsAt(anonymous, 'conditions');
  if (anonymous && anonymous['enabled'] !== true && conditions.length > 0) {
    const detail = 'enabled should be set to true when conditions are defined';
    errors.push(invalidValue('anonymous.conditions', conditions, detail));
  }
  return errors;
}

function issuerErrors(issuer: Fields | undefined, path: string, ownIssuers: readonly string[]): StatusCause[] {
  const [url, discovery] = [textAt(issuer, 'url'), textAt(issuer, 'discoveryURL')];
  const errors = url === '' ? [requiredValue(`${path}.url`)] : urlErrors(url, `${path}.url`, ownIssuers);
  const bare = (text: string) => text.replace(/\/+$/, '');
  if (discovery !== '') {
    const field = `${path}.discoveryURL`;
    if (bare(url) === bare(discovery)) {
      errors.push(invalidValue(field, discovery, 'discoveryURL must be different from URL'));
    }
    errors.push(...urlErrors(discovery, field, []));
  }
  errors.push(...audienceErrors(issuer, path));
  const authority = textAt(issuer, 'certificateAuthority');
  if (authority !== '' && !isCertificate(authority)) {
    const detail = 'data does not contain any valid RSA or ECDSA certificates';
    errors.push(invalidValue(`${path}.certificateAuthority`, '<omitted>', detail));
  }
  const selector = textAt(issuer, 'egressSelectorType');
  if (selector !== '') {
    errors.push(invalidValue(`${path}.egressSelectorType`, selector, 'egress selectors are not supported here'));
  }
  return errors;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).validTo !== '';
  } catch {
    // Node's error tells of its parser.
    return false;
  }
}

function urlErrors(text: string, path: string, refused: readonly string[]): StatusCause[] {
  const errors: StatusCause[] = [];
  const wrong = (detail: string) => errors.push(invalidValue(path, text, detail));
  if (refused.includes(text)) wrong(`URL must not overlap with disallowed issuers: [${refused.join(' ')}]`);
  const url = URL.parse(text);
  if (url?.protocol !== 'https:') wrong('URL scheme must be https');
  if (url?.username || url?.password) wrong('URL must not contain a username or password');
  if (url?.search) wrong('URL must not contain a query');
  if (url?.hash) wrong('URL must not contain a fragment');
  return errors;
}

function audienceErrors(issuer: Fields | undefined, path: string): StatusCause[] {
  const audiences = textsAt(issuer, 'audiences');
  if (audiences.length === 0) {
    return [requiredValue(`${path}.audiences`, `at least one ${path}.audiences is required`)];
  }
  const errors = audiences.flatMap((audience, index) => {
    const field = `${path}.audiences[${index}]`;
    return [
      ...(audience === '' ? [requiredValue(field)] : []),
      ...(audiences.indexOf(audience) < index ? [duplicateValue(field, audience)] : []),
    ];
  });
  const policy = textAt(issuer, 'audienceMatchPolicy');
  const field = `${path}.audienceMatchPolicy`;
  if (audiences.length > 1 && policy !== 'MatchAny') {
    errors.push(invalidValue(field, policy, 'audienceMatchPolicy must be MatchAny for multiple audiences'));
  }
  if (audiences.length === 1 && policy !== '' && policy !== 'MatchAny') {
    errors.push(invalidValue(field, policy, 'audienceMatchPolicy must be empty or MatchAny for single audience'));
  }
  return errors;
}

/** A claim that must have a value, or an expression that must be true. */
function ruleErrors(jwt: Fields, path: string): StatusCause[] {
  const rules = objectsAt(jwt, 'claimValidationRules');
  const first = (key: string, value: string) => rules.findIndex((rule) => textAt(rule, key) === value);
  return rules.flatMap((rule, index) => {
    const field = `${path}[${index}]`;
    const [claim, expression] = [textAt(rule, 'claim'), textAt(rule, 'expression')];
    const [message, required] = [textAt(rule, 'message'), textAt(rule, 'requiredValue')];
    if (claim && expression) return [invalidValue(field, claim, "claim and expression can't both be set")];
    if (claim) {
      const detail = 'may not be specified when claim is set';
      return [
        ...(message ? [invalidValue(`${field}.message`, message, detail)] : []),
        ...(first('claim', claim) < index ? [duplicateValue(`${field}.claim`, claim)] : []),
      ];
    }
    if (!expression) return [requiredValue(field, 'claim or expression is required')];
    if (first('expression', expression) < index) return [duplicateValue(`${field}.expression`, expression)];
    const detail = 'may not be specified when expression is set';
    return [
      ...(required ? [invalidValue(`${field}.requiredValue`, required, detail)] : []),
      ...celErrors(expression, 'claims', `${field}.expression`),
    ];
  });
}

function mappingErrors(jwt: Fields, path: string): StatusCause[] {
  const mappings = objectAt(jwt, 'claimMappings');
  const uid = objectAt(mappings, 'uid');
  const [claim, expression] = [textAt(uid, 'claim'), textAt(uid, 'expression')];
  const extra = objectsAt(mappings, 'extra');
  return [
    ...prefixedErrors(objectAt(mappings, 'username'), `${path}.username`, true),
    ...prefixedErrors(objectAt(mappings, 'groups'), `${path}.groups`, false),
    ...(claim && expression ? [invalidValue(`${path}.uid`, '', "claim and expression can't both be set")] : []),
    ...(expression && !claim ? celErrors(expression, 'claims', `${path}.uid.expression`) : []),
    ...extra.flatMap((each, index) => extraErrors(extra, each, index, `${path}.extra[${index}]`)),
    ...emailErrors(jwt, path),
  ];
}

function prefixedErrors(mapping: Fields | undefined, path: string, required: boolean): StatusCause[] {
  const [claim, expression] = [textAt(mapping, 'claim'), textAt(mapping, 'expression')];
  const prefix = mapping?.['prefix'];
  if (claim && expression) return [invalidValue(path, '', "claim and expression can't both be set")];
  if (expression) {
    const detail = 'may not be specified when expression is set';
    return [
      ...(prefix === undefined ? [] : [invalidValue(`${path}.prefix`, prefix, detail)]),
      ...celErrors(expression, 'claims', `${path}.expression`),
    ];
  }
  if (claim) {
    const detail = 'prefix is required when claim is set. It can be set to an empty string to disable prefixing';
    return prefix === undefined ? [requiredValue(`${path}.prefix`, detail)] : [];
  }
  return required ? [requiredValue(path, 'claim or expression is required')] : [];
}

function extraErrors(all: readonly Fields[], mapping: Fields, index: number, path: string): StatusCause[] {
  const [key, expression] = [textAt(mapping, 'key'), textAt(mapping, 'valueExpression')];
  const errors: StatusCause[] = [];
  const wrong = (detail: string) => errors.push(invalidValue(`${path}.key`, key, detail));
  const [domain = '', ...rest] = key.split('/');
  if (key === '') errors.push(requiredValue(`${path}.key`));
  else if (rest.join('/') === '') wrong('must be a domain-prefixed path (such as "acme.io/foo")');
  else for (const detail of dnsSubdomainErrors(domain)) wrong(detail);
  if (key !== key.toLowerCase()) wrong('must be lowercase');
  if (/(^|\.)(k8s|kubernetes)\.io$/.test(domain)) {
    wrong('k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use');
  }
  if (all.findIndex((other) => textAt(other, 'key') === key) < index) {
    return [...errors, duplicateValue(`${path}.key`, key)];
  }
  if (expression === '') return [...errors, requiredValue(`${path}.valueExpression`)];
  return [...errors, ...celErrors(expression, 'claims', `${path}.valueExpression`)];
}

/** An e-mail address that nobody has verified is whatever its owner wrote: an expression must look. */
function emailErrors(jwt: Fields, path: string): StatusCause[] {
  const mappings = objectAt(jwt, 'claimMappings');
  const username = textAt(objectAt(mappings, 'username'), 'expression');
  const others = [
    ...objectsAt(mappings, 'extra').map((each) => textAt(each, 'valueExpression')),
    ...objectsAt(jwt, 'claimValidationRules').map((rule) => textAt(rule, 'expression')),
  ];
  const reads = (expression: string, claim: string) => {
    try {
      const { references } = compileCel(expression, { variables: ['claims'] });
      return references.some(([name, field]) => name === 'claims' && field === claim);
    } catch (error) {
      if (error instanceof CelError) return false;
      throw error;
    }
  };
  if (username === '' || !reads(username, 'email')) return [];
  if ([username, ...others].some((expression) => expression !== '' && reads(expression, 'email_verified'))) return [];
  const detail =
    'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression ' +
    'or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression';
  return [invalidValue(`${path}.username.expression`, username, detail)];
}

function userRuleErrors(jwt: Fields, path: string): StatusCause[] {
  const rules = objectsAt(jwt, 'userValidationRules').map((rule) => textAt(rule, 'expression'));
  return rules.flatMap((expression, index) => {
    const field = `${path}[${index}].expression`;
    if (expression === '') return [requiredValue(field)];
    if (rules.indexOf(expression) < index) return [duplicateValue(field, expression)];
    return celErrors(expression, 'user', field);
  });
}

function celErrors(expression: string, variable: string, field: string): StatusCause[] {
  try {
    compileCel(expression, { variables: [variable] });
    return [];
  } catch (error) {
    if (error instanceof CelError) return [invalidValue(field, expression, `compilation failed: ${error.message}`)];
    throw error;
  }
}
