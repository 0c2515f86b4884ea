import { type CelProgram, compileCel, type Fields } from '../../../machinery/index.ts';
import type { UserInfo } from '../../contracts.ts';
import { objectAt, objectsAt, textAt } from '../../kinds/fields.ts';

/** Makes a user of the claims of a token whose signature was checked. Throws a ClaimError for one that may not pass. */
export type ClaimMapper = (claims: Fields) => UserInfo;

/** Why a token was refused: for the log. It names claims, never their values. */
export class ClaimError extends Error {}

/** The claims' way into a user, of one entry of an AuthenticationConfiguration that was found to be valid. */
export function compileClaims(jwt: Fields): ClaimMapper {
  const mappings = objectAt(jwt, 'claimMappings');
  const rules = objectsAt(jwt, 'claimValidationRules').map(claimRule);
  const username = usernameOf(objectAt(mappings, 'username'));
  const groups = groupsOf(objectAt(mappings, 'groups'));
  const uid = uidOf(objectAt(mappings, 'uid'));
  const extra = objectsAt(mappings, 'extra').map((each) => ({
    key: textAt(each, 'key'),
    values: expressionOf(textAt(each, 'valueExpression'), 'claims'),
  }));
  const userRules = objectsAt(jwt, 'userValidationRules').map((rule) => condition(rule, 'user'));
  const groupsClaim = textAt(objectAt(mappings, 'groups'), 'claim');
  return (claims) => {
    if (groupsClaim !== '' && groupsClaim in (objectAt(claims, '_claim_names') ?? {})) {
      throw new ClaimError(`the claim ${groupsClaim} is kept elsewhere (a distributed claim), which is not supported`);
    }
    const user = { username: username(claims), uid: uid(claims), groups: groups(claims) };
    const fields: Record<string, string[]> = {};
    const jti = claims['jti'];
    if (typeof jti === 'string' && jti !== '') fields[CREDENTIAL_ID] = [`JTI=${jti}`];
    for (const { key, values } of extra) {
      const list = textList(values(claims), `the extra field ${key}`);
      if (list.length > 0) fields[key] = list;
    }
    for (const rule of rules) rule(claims);
    const whole: UserInfo = { ...user, extra: fields };
    for (const rule of userRules) rule(whole as unknown as Fields);
    return whole;
  };
}

const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

function expressionOf(source: string, variable: string): (value: Fields) => unknown {
  const program: CelProgram = compileCel(source, { variables: [variable] });
  return (value) => {
    try {
      return program.evaluate({ [variable]: value });
    } catch (error) {
      throw new ClaimError(`the expression ${source} failed: ${error instanceof Error ? error.message : error}`);
    }
  };
}

function condition(rule: Fields, variable: string): (value: Fields) => void {
  const source = textAt(rule, 'expression');
  const evaluate = expressionOf(source, variable);
  const message = textAt(rule, 'message') || 'the validation failed';
  return (value) => {
    if (evaluate(value) !== true) throw new ClaimError(`validation expression '${source}' failed: ${message}`);
  };
}

function claimRule(rule: Fields): (claims: Fields) => void {
  if (textAt(rule, 'expression') !== '') return condition(rule, 'claims');
  const [claim, required] = [textAt(rule, 'claim'), textAt(rule, 'requiredValue')];
  return (claims) => {
    if (!Object.hasOwn(claims, claim)) throw new ClaimError(`required claim ${claim} not present in ID token`);
    if (claims[claim] !== required) throw new ClaimError(`required claim ${claim} value does not match`);
  };
}

function textClaim(claims: Fields, claim: string): string {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (typeof value !== 'string') throw new ClaimError(`the claim ${claim} is not there, or no text`);
  return value;
}

function usernameOf(mapping: Fields | undefined): (claims: Fields) => string {
  const [claim, expression] = [textAt(mapping, 'claim'), textAt(mapping, 'expression')];
  if (expression !== '') {
    const evaluate = expressionOf(expression, 'claims');
    return (claims) => {
      const name = evaluate(claims);
      if (typeof name !== 'string') throw new ClaimError('username claim expression must return a string');
      if (name === '') throw new ClaimError('empty username via CEL expression is not allowed');
      return name;
    };
  }
  const prefix = textAt(mapping, 'prefix');
  return (claims) => {
    const name = textClaim(claims, claim);
    if (claim === 'email' && Object.hasOwn(claims, 'email_verified') && claims['email_verified'] !== true) {
      throw new ClaimError('email not verified');
    }
    return prefix + name;
  };
}

function groupsOf(mapping: Fields | undefined): (claims: Fields) => string[] {
  const [claim, expression, prefix] = ['claim', 'expression', 'prefix'].map((key) => textAt(mapping, key));
  if (expression) {
    const evaluate = expressionOf(expression, 'claims');
    return (claims) => textList(evaluate(claims), 'the groups');
  }
  if (!claim) return () => [];
  return (claims) => {
    if (!Object.hasOwn(claims, claim)) return [];
    return textList(claims[claim], `the claim ${claim}`).map((group) => `${prefix}${group}`);
  };
}

function uidOf(mapping: Fields | undefined): (claims: Fields) => string {
  const [claim, expression] = [textAt(mapping, 'claim'), textAt(mapping, 'expression')];
  if (claim !== '') return (claims) => textClaim(claims, claim);
  if (expression === '') return () => '';
  const evaluate = expressionOf(expression, 'claims');
  return (claims) => {
    const uid = evaluate(claims);
    if (typeof uid !== 'string') throw new ClaimError('uid claim expression must return a string');
    return uid;
  };
}

/** A text or a list of texts; null, '' and [] are none. */
function textList(value: unknown, what: string): string[] {
  if (value === null || value === undefined || value === '') return [];
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) {
    throw new ClaimError(`${what} must be a string or a list of strings`);
  }
  return value.filter((each) => each !== '');
}
