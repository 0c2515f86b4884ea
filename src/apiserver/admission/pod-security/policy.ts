import { invalidValue, type StatusCause } from '../../../machinery/index.ts';
import { baselineChecks } from './baseline.ts';
import type { Check, PodCheck, PodLike, Violation } from './check.ts';
import { restrictedChecks } from './restricted.ts';

const LEVELS = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof LEVELS)[number];

export interface LevelVersion {
  level: Level;
  /** The minor version of v1 whose form of the checks counts; 'latest' for the newest. */
  version: number | 'latest';
}

export const MODES = ['enforce', 'audit', 'warn'] as const;
export type Mode = (typeof MODES)[number];

/** What is refused, what is noted and what is warned of (Pod Security Admission, KEP-2579). */
export type Policy = Record<Mode, LevelVersion>;

export const LABEL_PREFIX = 'pod-security.kubernetes.io/';
const NEWEST = 34;

/** 'restricted:v1.34', as it stands in messages. */
export function textOf({ level, version }: LevelVersion): string {
  return `${level}:${version === 'latest' ? version : `v1.${version}`}`;
}

export function parseLevel(text: string): Level | undefined {
  return LEVELS.find((level) => level === text);
}

export const LEVEL_ERROR = `must be one of ${LEVELS.join(', ')}`;
export const VERSION_ERROR = 'must be "latest" or "v1.x"';

export function parseVersion(text: string): number | 'latest' | undefined {
  if (text === 'latest') return text;
  const minor = /^v1\.(0|[1-9]\d{0,5})$/.exec(text)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

export function stricter(one: Level, other: Level): boolean {
  return LEVELS.indexOf(one) > LEVELS.indexOf(other);
}

export function isPrivileged(policy: Policy): boolean {
  return MODES.every((mode) => policy[mode].level === 'privileged');
}

export function sameLevel(one: LevelVersion, other: LevelVersion): boolean {
  return one.level === other.level && one.version === other.version;
}

/**
 * The policy that a namespace's labels ask for, over the defaults, and what is wrong with them. A level that cannot be
 * read is enforced as restricted, and neither audited nor warned of.
 */
export function policyOf(
  labels: Readonly<Record<string, string>>,
  defaults: Policy,
): { policy: Policy; errors: StatusCause[] } {
  const policy: Policy = {
    enforce: { ...defaults.enforce },
    audit: { ...defaults.audit },
    warn: { ...defaults.warn },
  };
  const errors: StatusCause[] = [];
  const wrong = (label: string, detail: string) =>
    errors.push(invalidValue(`metadata.labels[${label}]`, labels[label], detail));
  for (const mode of MODES) {
    const [levelLabel, versionLabel] = [`${LABEL_PREFIX}${mode}`, `${LABEL_PREFIX}${mode}-version`];
    const [level, version] = [labels[levelLabel], labels[versionLabel]];
    if (level !== undefined) {
      const known = parseLevel(level);
      if (known === undefined) wrong(levelLabel, LEVEL_ERROR);
      policy[mode].level = known ?? (mode === 'enforce' ? 'restricted' : 'privileged');
    }
    if (version !== undefined) {
      const known = parseVersion(version);
      if (known === undefined) wrong(versionLabel, VERSION_ERROR);
      policy[mode].version = known ?? 'latest';
    }
  }
  warnOfWhatIsEnforced(policy, labels);
  return { policy, errors };
}

/** Whoever enforces a level by label and says nothing of warnings is warned at that level too: templates are not refused. */
function warnOfWhatIsEnforced({ enforce, warn }: Policy, labels: Readonly<Record<string, string>>): void {
  const enforced = labels[`${LABEL_PREFIX}enforce`];
  if (labels[`${LABEL_PREFIX}warn`] !== undefined || enforced === undefined || !parseLevel(enforced)) return;
  if (!stricter(enforce.level, warn.level)) return;
  warn.level = enforce.level;
  if (labels[`${LABEL_PREFIX}warn-version`] === undefined) warn.version = enforce.version;
}

const checksOf = new Map<string, PodCheck[]>();

function checksFor({ level, version }: LevelVersion): readonly PodCheck[] {
  const minor = version === 'latest' ? NEWEST : Math.min(version, NEWEST);
  const key = `${level} ${minor}`;
  let checks = checksOf.get(key);
  if (!checks) {
    const restricted =
      level === 'restricted' ? restrictedChecks.filter(({ versions }) => atVersion(versions, minor)) : [];
    const overridden = new Set(restricted.map(({ overrides }) => overrides));
    const baseline = baselineChecks.filter(({ id }) => !overridden.has(id));
    checks = [...baseline, ...restricted].flatMap(({ versions }) => atVersion(versions, minor) ?? []);
    checksOf.set(key, checks);
  }
  return checks;
}

function atVersion(versions: Check['versions'], minor: number): PodCheck | undefined {
  return versions.findLast(([from]) => from <= minor)?.[1];
}

/** Everything that a pod does which its level does not allow. */
export function violationsOf(pod: PodLike, wanted: LevelVersion): Violation[] {
  if (wanted.level === 'privileged') return [];
  return checksFor(wanted).flatMap((check) => check(pod) ?? []);
}

/** 'host namespaces (hostPID=true), privileged (container "a" must not …)'. */
export function detailOf(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
}
