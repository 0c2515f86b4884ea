import pc from 'picocolors';
import { humanDuration, type KubeObject } from '../machinery/index.ts';
import type { HealthStatus } from './health.ts';
import { conditionOf, listAt, nameOf, numberAt, oneLine, plainText } from './status.ts';
import type { TreeNode } from './tree.ts';
import type { Trouble } from './troubles.ts';
import type { Diagnosis } from './types.ts';
import { usageText } from './usage.ts';

/** How to print: with `colours` of `pc.createColors(true)` on a terminal; plain without. */
export interface Style {
  now: Date;
  colours?: Palette;
}

type Palette = ReturnType<typeof pc.createColors>;
type Paint = 'green' | 'red' | 'yellow' | 'dim';

const plain = pc.createColors(false);

const fixers = {
  developer: 'you',
  owner: 'whoever wrote the definition behind it',
  platform: 'whoever runs the platform',
} as const;

/** The human form of a diagnosis: one line when nothing is wrong. */
export function renderWhy(diagnosis: Diagnosis, { now, colours = plain }: Style): string {
  const { healthy, object, cause, field, fixableBy, since } = diagnosis;
  if (healthy) return `${colours.green('✓')} ${plainText(object)}: ${cause}`;
  const rows = [
    ['where', object],
    ['field', field],
    ['fixable by', fixableBy === null ? null : fixers[fixableBy]],
    ['since', since === null ? null : `${since} (${humanDuration(now.getTime() - Date.parse(since))} ago)`],
  ].filter((row): row is [string, string] => typeof row[1] === 'string');
  const lines = rows.map(([name, value]) => `  ${colours.dim(name.padEnd(11))} ${plainText(value)}`);
  return [`${markOf(diagnosis, colours)} ${colours.bold(cause)}`, ...lines].join('\n');
}

const markOf = ({ fixableBy }: Diagnosis, colours: Palette): string =>
  fixableBy === null ? colours.yellow('…') : colours.red('✗');

/** One line for each object that is not healthy: 'Kind/name: cause (field, who, since)'; with its namespace when there are several. */
export function renderTroubles(
  found: readonly Trouble[],
  { now, colours = plain, namespaces }: Style & { namespaces: boolean },
): string {
  return found
    .map(({ object, diagnosis }) => {
      const { cause, field, fixableBy, since } = diagnosis;
      const { namespace } = object.metadata;
      const notes = [
        field !== null && !cause.includes(field) ? field : undefined,
        fixableBy === null ? undefined : `fixable by ${fixers[fixableBy]}`,
        since === null ? undefined : `for ${humanDuration(now.getTime() - Date.parse(since))}`,
      ].filter((note) => note !== undefined);
      const where = namespaces && namespace !== undefined ? ` in ${plainText(namespace)}` : '';
      const note = notes.length > 0 ? ` ${colours.dim(`(${plainText(notes.join(', '))})`)}` : '';
      return `${markOf(diagnosis, colours)} ${colours.bold(plainText(nameOf(object)))}${where}: ${cause}${note}`;
    })
    .join('\n');
}

const marks: Record<HealthStatus, readonly [mark: string, paint: Paint]> = {
  Healthy: ['✓', 'green'],
  Progressing: ['…', 'yellow'],
  Degraded: ['✗', 'red'],
  Suspended: ['-', 'dim'],
  Missing: ['✗', 'red'],
  Unknown: ['?', 'yellow'],
};

/** The column of a tree's table that has a colour. */
const statusColumn = 3;
/** Characters of a message in a table. */
const shortMessage = 80;

/**
 * A table of NAMESPACE, NAME, READY, STATUS, AGE and, where there is something to say, CPU and MEMORY that are used, and
 * MESSAGE, drawn as a tree.
 */
export function renderTree(tree: TreeNode, { now, colours = plain }: Style): string {
  const usage = tree.usage ? ['CPU', 'MEMORY'] : [];
  const head = { cells: ['NAMESPACE', 'NAME', 'READY', 'STATUS', 'AGE', ...usage, 'MESSAGE'], paint: undefined };
  const rows: Row[] = [head, ...treeRows(tree, now, tree.usage !== undefined)];
  const messageColumn = head.cells.length - 1;
  const hasMessages = rows.some(({ cells }, i) => i > 0 && cells[messageColumn] !== '');
  const shown = hasMessages ? messageColumn + 1 : messageColumn;
  const widths = head.cells.map((_, column) =>
    rows.reduce((widest, { cells }) => Math.max(widest, cells[column]?.length ?? 0), 0),
  );
  return rows
    .map(({ cells, paint }) => {
      const last = cells.slice(0, shown).findLastIndex((cell) => cell !== '');
      return cells
        .slice(0, last + 1)
        .map((cell, column) => {
          const padded = column === last ? cell : cell.padEnd(widths[column] ?? 0);
          return paint && column === statusColumn ? colours[paint](padded) : padded;
        })
        .join('  ');
    })
    .join('\n');
}

interface Row {
  cells: readonly string[];
  /** The colour of the status. */
  paint: Paint | undefined;
}

interface Line {
  node: TreeNode;
  /** What is drawn before the node, and before its children. */
  branch: string;
  indent: string;
}

function treeRows(tree: TreeNode, now: Date, measured: boolean): Row[] {
  const rows: Row[] = [];
  const pending: Line[] = [{ node: tree, branch: '', indent: '' }];
  for (let line = pending.pop(); line !== undefined; line = pending.pop()) {
    const { node, branch, indent } = line;
    rows.push(rowOf(node, branch, now, measured));
    const last = node.children.length - 1;
    for (let i = last; i >= 0; i--) {
      const child = node.children[i];
      if (child === undefined) continue;
      const [turn, below] = i === last ? ['└─', '  '] : ['├─', '│ '];
      pending.push({ node: child, branch: indent + turn, indent: indent + below });
    }
  }
  return rows;
}

function rowOf({ object, health, usage }: TreeNode, branch: string, now: Date, measured: boolean): Row {
  const created = Date.parse(object.metadata.creationTimestamp ?? '');
  const age = Number.isNaN(created) ? '<unknown>' : humanDuration(now.getTime() - created);
  const [mark, paint] = marks[health.status];
  const name = branch + plainText(nameOf(object));
  const message = oneLine(health.message, shortMessage);
  const namespace = plainText(object.metadata.namespace ?? '');
  const { cpu, memory } = usage ? usageText(usage) : { cpu: '', memory: '' };
  const used = measured ? [cpu, memory] : [];
  return { cells: [namespace, name, readyOf(object), `${mark} ${health.status}`, age, ...used, message], paint };
}

/** '1/2' for what has replicas or containers, the Ready condition for what has one, '-' otherwise. */
function readyOf(object: KubeObject): string {
  if (object.kind === 'Pod') {
    const containers = listAt(object.status, ['containerStatuses']);
    const all = Math.max(containers.length, listAt(object.spec, ['containers']).length);
    return `${containers.filter((container) => container['ready'] === true).length}/${all}`;
  }
  const wanted = numberAt(object.spec, ['replicas']);
  const isWorkload = ['Deployment', 'ReplicaSet', 'StatefulSet'].includes(object.kind);
  if (isWorkload && wanted !== undefined) return `${numberAt(object.status, ['readyReplicas']) ?? 0}/${wanted}`;
  return plainText(conditionOf(object, 'Ready')?.status ?? '-');
}

/** A tree for scripts. */
export interface TreeJson {
  kind: string;
  apiVersion: string;
  /** null for what is in no namespace. */
  namespace: string | null;
  name: string;
  status: HealthStatus;
  /** Why it is not healthy; empty when there is nothing to say. */
  message: string;
  link: TreeNode['link'];
  /** What its pods use, where that was asked for and is measured: '143m', '12Mi'. */
  usage?: { cpu: string; memory: string };
  children: TreeJson[];
}

/** A tree without the objects themselves, which may hold what is nobody's business: `homeport tree -o json`. */
export function treeJson({ object, health, link, usage, children }: TreeNode): TreeJson {
  const { kind, apiVersion, metadata } = object;
  const { namespace = null, name } = metadata;
  const { status } = health;
  const message = oneLine(health.message, 1000);
  const used = usage ? { usage: usageText(usage) } : {};
  return { kind, apiVersion, namespace, name, status, message, link, ...used, children: children.map(treeJson) };
}
