import type { KubeObject } from '../../machinery/index.ts';
import { AGE, ageOf, column, NAME, table, wideColumn } from './table.ts';

interface Subject {
  kind: string;
  name: string;
  namespace?: string;
}
interface Binding extends KubeObject {
  roleRef?: { kind: string; name: string };
  subjects?: Subject[];
}

/** RoleBindings and ClusterRoleBindings. */
export const bindingPrinter = table<Binding>(
  [
    NAME,
    column('Role', 'The role that is given.'),
    AGE,
    wideColumn('Users', 'Users who have it.'),
    wideColumn('Groups', 'Groups that have it.'),
    wideColumn('ServiceAccounts', 'Service accounts that have it.'),
  ],
  (binding, now) => [
    binding.metadata.name,
    `${binding.roleRef?.kind}/${binding.roleRef?.name}`,
    ageOf(binding, now),
    ...['User', 'Group', 'ServiceAccount'].map((kind) => subjectsText(binding.subjects ?? [], kind)),
  ],
);

function subjectsText(subjects: readonly Subject[], kind: string): string {
  const own = subjects.filter((subject) => subject.kind === kind);
  return own.map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace}/${name}` : name)).join(', ');
}
