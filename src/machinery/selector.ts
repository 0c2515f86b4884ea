import { invalidValue } from './field-error.ts';
import { labelValueErrors, qualifiedNameErrors } from './names.ts';
import { badRequest, type StatusCause } from './status.ts';

type LabelOperator = 'in' | 'notin' | 'exists' | 'doesnotexist' | '=' | '==' | '!=' | 'gt' | 'lt';

export interface LabelRequirement {
  key: string;
  operator: LabelOperator;
  values: readonly string[];
}

/** Something to match labels with. `requirements` are all to be met, sorted by key. */
export interface LabelSelector {
  readonly requirements: readonly LabelRequirement[];
  /** True if everything matches. */
  readonly empty: boolean;
  matches(labels: Readonly<Record<string, string>> | undefined): boolean;
  /** The selector in the syntax that parseLabelSelector reads. */
  toString(): string;
}

/** The selector of a spec (apimachinery meta/v1 LabelSelector). */
export interface LabelSelectorSpec {
  matchLabels?: Readonly<Record<string, string>>;
  matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
}

const noLabels: Readonly<Record<string, string>> = Object.freeze({});

function meets(requirement: LabelRequirement, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.operator) {
    case 'exists':
      return value !== undefined;
    case 'doesnotexist':
      return value === undefined;
    case 'notin':
    case '!=':
      return value === undefined || !requirement.values.includes(value);
    case 'gt':
    case 'lt':
      return value !== undefined && compares(requirement, value);
    default:
      return value !== undefined && requirement.values.includes(value);
  }
}

const int64 = /^[+-]?\d{1,19}$/;

function compares(requirement: LabelRequirement, value: string): boolean {
  if (!int64.test(value)) return false;
  const [than = ''] = requirement.values;
  return requirement.operator === 'gt' ? BigInt(value) > BigInt(than) : BigInt(value) < BigInt(than);
}

const printedOperators: Record<LabelOperator, string> = {
  '=': '=',
  '==': '==',
  '!=': '!=',
  in: ' in ',
  notin: ' notin ',
  gt: '>',
  lt: '<',
  exists: '',
  doesnotexist: '',
};

function printRequirement({ key, operator, values }: LabelRequirement): string {
  if (operator === 'exists') return key;
  if (operator === 'doesnotexist') return `!${key}`;
  const list = values.join(',');
  return `${key}${printedOperators[operator]}${operator === 'in' || operator === 'notin' ? `(${list})` : list}`;
}

function selectorOf(unsorted: readonly LabelRequirement[]): LabelSelector {
  const requirements = unsorted.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    requirements,
    empty: requirements.length === 0,
    matches: (labels) => requirements.every((requirement) => meets(requirement, labels ?? noLabels)),
    toString: () => requirements.map(printRequirement).join(','),
  };
}

const nothing: LabelSelector = { requirements: [], empty: false, matches: () => false, toString: () => '' };

/** What a bad selector is refused with: the words are the message of a 400. */
function refuse(message: string): never {
  throw badRequest(message);
}

function requirementOf(key: string, operator: LabelOperator, unsorted: readonly string[]): LabelRequirement {
  const values = [...new Set(unsorted)].sort();
  const errors: StatusCause[] = [];
  const keyErrors = qualifiedNameErrors(key);
  if (keyErrors.length > 0) errors.push(invalidValue('key', key, keyErrors.join('; ')));
  if ((operator === 'in' || operator === 'notin') && values.length === 0) {
    errors.push(invalidValue('values', values, "for 'in', 'notin' operators, values set can't be empty"));
  }
  if ((operator === 'exists' || operator === 'doesnotexist') && values.length > 0) {
    errors.push(invalidValue('values', values, 'values set must be empty for exists and does not exist'));
  }
  values.forEach((value, index) => {
    if ((operator === 'gt' || operator === 'lt') && !int64.test(value)) {
      const detail = "for 'Gt', 'Lt' operators, the value must be an integer";
      errors.push(invalidValue(`values[${index}]`, value, detail));
    }
    const valueErrors = labelValueErrors(value);
    if (valueErrors.length > 0) errors.push(invalidValue(`values[${index}][${key}]`, value, valueErrors.join('; ')));
  });
  if (errors.length > 0) {
    const texts = errors.map((error) => `${error.field}: ${error.message}`);
    refuse(texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`);
  }
  return { key, operator, values };
}

/** The selector of an object's spec. A missing one matches nothing, an empty one everything. Throws ApiError 400. */
export function labelSelectorOf(spec: LabelSelectorSpec | undefined | null): LabelSelector {
  if (!spec) return nothing;
  const requirements = Object.entries(spec.matchLabels ?? {}).map(([key, value]) => requirementOf(key, '=', [value]));
  for (const { key, operator, values } of spec.matchExpressions ?? []) {
    requirements.push(requirementOf(key, operatorOf(operator), values ?? []));
  }
  return selectorOf(requirements);
}

function operatorOf(operator: string): LabelOperator {
  switch (operator) {
    case 'In':
    case 'NotIn':
    case 'Exists':
    case 'DoesNotExist':
      return operator.toLowerCase() as LabelOperator;
    default:
      return refuse(`${JSON.stringify(operator)} is not a valid label selector operator`);
  }
}

type TokenType =
  | 'end'
  | 'identifier'
  | 'error'
  | '('
  | ')'
  | ','
  | '!'
  | '='
  | '=='
  | '!='
  | '>'
  | '<'
  | 'in'
  | 'notin';

interface Token {
  type: TokenType;
  text: string;
}

const tokenPattern = /[ \t\r\n]*(?:(==|!=|[=!(),<>])|([^=!(),<> \t\r\n]+)|$)/y;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  for (;;) {
    const [, symbol, word] = tokenPattern.exec(text) ?? [];
    if (symbol !== undefined) tokens.push({ type: symbol as TokenType, text: symbol });
    else if (word === 'in' || word === 'notin') tokens.push({ type: word, text: word });
    else if (word !== undefined) tokens.push({ type: 'identifier', text: word });
    else return [...tokens, { type: 'end', text: '' }];
  }
}

interface Cursor {
  tokens: readonly Token[];
  at: number;
}

const endToken: Token = { type: 'end', text: '' };

/** The token at the cursor where a key or value may stand: 'in' and 'notin' are names there. */
function peek(cursor: Cursor): Token {
  const token = cursor.tokens[cursor.at] ?? endToken;
  return token.type === 'in' || token.type === 'notin' ? { type: 'identifier', text: token.text } : token;
}

function next(cursor: Cursor): Token {
  const token = peek(cursor);
  cursor.at++;
  return token;
}

const binaryOperators: Partial<Record<TokenType, LabelOperator>> = {
  in: 'in',
  notin: 'notin',
  '=': '=',
  '==': '==',
  '!=': '!=',
  '>': 'gt',
  '<': 'lt',
};

function parseRequirement(cursor: Cursor): LabelRequirement {
  const negated = peek(cursor).type === '!';
  if (negated) cursor.at++;
  const key = next(cursor);
  if (key.type !== 'identifier') refuse(`unable to parse requirement: found '${key.text}', expected: identifier`);
  const keyErrors = qualifiedNameErrors(key.text);
  if (keyErrors.length > 0) {
    refuse(`unable to parse requirement: <nil>: ${invalidValue('', key.text, keyErrors.join('; ')).message}`);
  }
  const follows = peek(cursor).type;
  if (negated || follows === 'end' || follows === ',') {
    return requirementOf(key.text, negated ? 'doesnotexist' : 'exists', []);
  }
  const found = cursor.tokens[cursor.at++] ?? endToken;
  const operator = binaryOperators[found.type];
  if (!operator) {
    return refuse(`unable to parse requirement: found '${found.text}', expected: in, notin, =, ==, !=, gt, lt`);
  }
  const values = operator === 'in' || operator === 'notin' ? parseValues(cursor) : [parseValue(cursor)];
  return checkedValues(key.text, operator, values);
}

/** As requirementOf, with the paths that a selector from a query has in messages. */
function checkedValues(key: string, operator: LabelOperator, values: string[]): LabelRequirement {
  try {
    return requirementOf(key, operator, values);
  } catch (error) {
    return refuse(`unable to parse requirement: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseValue(cursor: Cursor): string {
  const { type } = peek(cursor);
  if (type === 'end' || type === ',') return '';
  const token = next(cursor);
  if (token.type !== 'identifier') refuse(`unable to parse requirement: found '${token.text}', expected: identifier`);
  return token.text;
}

/** The values in parentheses; an empty place between commas is the empty value. */
function parseValues(cursor: Cursor): string[] {
  const open = next(cursor);
  if (open.type !== '(') refuse(`unable to parse requirement: found '${open.text}' expected: '('`);
  const values: string[] = [];
  for (;;) {
    const token = peek(cursor);
    if (token.type === 'identifier') {
      values.push(token.text);
      cursor.at++;
    } else {
      values.push('');
    }
    const after = next(cursor);
    if (after.type === ')') return values;
    if (after.type !== ',') refuse(`unable to parse requirement: found '${after.text}', expected: ',' or ')'`);
  }
}

/**
 * Parses a label selector: comma-separated `key`, `!key`, `key=value`, `key==value`, `key!=value`, `key in (a,b)`,
 * `key notin (a,b)`, `key>1`, `key<1` (apimachinery labels.Parse). Throws ApiError 400 with upstream's words.
 */
export function parseLabelSelector(text: string): LabelSelector {
  const cursor: Cursor = { tokens: tokensOf(text), at: 0 };
  const requirements: LabelRequirement[] = [];
  const first = peek(cursor);
  if (first.type === 'end') return selectorOf([]);
  if (first.type !== 'identifier' && first.type !== '!') {
    refuse(`found '${first.text}', expected: !, identifier, or 'end of string'`);
  }
  for (;;) {
    requirements.push(parseRequirement(cursor));
    const after = next(cursor);
    if (after.type === 'end') return selectorOf(requirements);
    if (after.type !== ',') refuse(`found '${after.text}', expected: ',' or 'end of string'`);
    const following = peek(cursor);
    if (following.type !== 'identifier' && following.type !== '!') {
      refuse(`found '${following.text}', expected: identifier after ','`);
    }
  }
}
