import { canonicalJson, compileJsonPath, humanDuration, type KubeObject } from '../../machinery/index.ts';
import type { ColumnDefinition, TablePrinter } from '../contracts.ts';
import type { DefinitionColumn } from './definition.ts';

/** How the objects of a CRD are printed: their name, and its additional columns or else their age. */
export function customPrinter(columns: readonly DefinitionColumn[] | undefined): TablePrinter {
  const shown = columns?.length ? columns : [ageColumn];
  const cells = shown.map(compileCell);
  return {
    columns: [nameColumn, ...shown.map(columnDefinition)],
    cells: (object, now) => [object.metadata.name, ...cells.map((cell) => cell(object, now))],
  };
}

const nameColumn: ColumnDefinition = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
};

const ageColumn: DefinitionColumn = {
  name: 'Age',
  type: 'date',
  description: 'The time since the object was created.',
  jsonPath: '.metadata.creationTimestamp',
};

function columnDefinition(column: DefinitionColumn): ColumnDefinition {
  return {
    name: column.name ?? '',
    type: column.type ?? 'string',
    format: column.format ?? '',
    description: column.description || `Custom resource definition column (in JSONPath format): ${column.jsonPath}`,
    priority: column.priority ?? 0,
  };
}

function compileCell(column: DefinitionColumn): (object: KubeObject, now: number) => unknown {
  const find = compileJsonPath(column.jsonPath ?? '');
  const type = column.type ?? 'string';
  return (object, now) => {
    const [value] = find(object);
    return value === undefined || value === null ? null : cellOf(value, type, now);
  };
}

/** A value as a cell of a column's type; null when it does not fit the type, as kube-apiserver gives it. */
function cellOf(value: unknown, type: string, now: number): unknown {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : canonicalJson(value);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? humanDuration(now - Date.parse(value)) : null;
    default:
      return null;
  }
}
