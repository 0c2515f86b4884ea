import { stripVTControlCharacters } from 'node:util';
import { type Condition, type Fields, isFields, type KubeObject } from '../machinery/index.ts';

/** The condition types that this room's own answers are written to: reading them back would be an echo. */
const ownAnswers = new Set(['Developer']);

/** The conditions of an object, without malformed ones and without our own answer. */
export function conditionsOf(object: KubeObject): Condition[] {
  const list = object.status?.['conditions'];
  if (!Array.isArray(list)) return [];
  return list.flatMap((item) => {
    const [type, status] = [textAt(item, ['type']), textAt(item, ['status'])];
    if (type === undefined || status === undefined || ownAnswers.has(type)) return [];
    const optional = ['reason', 'message', 'lastTransitionTime'].map((name) => [name, textAt(item, [name])]);
    return [{ ...Object.fromEntries(optional), type, status: status as Condition['status'] }];
  });
}

export function conditionOf(object: KubeObject, type: string): Condition | undefined {
  return conditionsOf(object).find((condition) => condition.type === type);
}

/** The value at a path of plain fields and list indexes; undefined when any part is missing. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const step of path) {
    if (Array.isArray(current)) current = current[Number(step)];
    else if (isFields(current) && Object.hasOwn(current, step)) current = current[step];
    else return undefined;
  }
  return current;
}

/** The list at a path; empty when there is none. Items that are no objects are left out. */
export function listAt(value: unknown, path: readonly string[]): Fields[] {
  const found = valueAt(value, path);
  return Array.isArray(found) ? found.filter(isFields) : [];
}

export function textAt(value: unknown, path: readonly string[]): string | undefined {
  const found = valueAt(value, path);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

export function numberAt(value: unknown, path: readonly string[]): number | undefined {
  const found = valueAt(value, path);
  return typeof found === 'number' ? found : undefined;
}

/** ['spec', 'containers', '0', 'image'] → 'spec.containers[0].image'; a name that is no identifier is quoted in brackets. */
export function pathText(path: readonly string[]): string {
  return path.reduce((text, step) => {
    if (/^\d+$/.test(step)) return `${text}[${step}]`;
    if (!/^[\w-]+$/.test(step)) return `${text}['${step}']`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** The steps of a path that pathText, or an API error, wrote. */
export function pathSteps(text: string): string[] {
  return [...text.matchAll(/\['([^']*)'\]|\[([^\]]*)\]|([^.[\]]+)/g)].map(([, quoted, index, name]) => {
    return quoted ?? index ?? name ?? '';
  });
}

/** The earliest of some RFC 3339 times. */
export function earliest(...times: readonly (string | undefined)[]): string | undefined {
  return times
    .filter((time) => time !== undefined)
    .reduce<string | undefined>((first, time) => {
      return first === undefined || Date.parse(time) < Date.parse(first) ? time : first;
    }, undefined);
}

/** 'Pod/silly-demo-5d8f'. */
export function nameOf(object: KubeObject): string {
  return `${object.kind}/${object.metadata.name}`;
}

/** A message as part of a sentence: one plain line, without a closing full stop, and not endless. */
export function oneLine(message: string, limit = 300): string {
  const text = plainText(message.slice(0, limit * 4))
    .trim()
    .replace(/\.$/, '');
  return (text.length > limit ? `${text.slice(0, limit - 1)}…` : text).toWellFormed();
}

/**
 * A text that is safe to print: on one line, without what would steer a terminal (colours, cursor, window title) or turn
 * the direction of writing. Messages, logs and some names are written by whoever writes them.
 */
export function plainText(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Bidi_Control}\u200B\uFEFF]/gu, '');
}

/** True for a text with something in it. */
export function isText(text: string): boolean {
  return text.trim() !== '';
}
