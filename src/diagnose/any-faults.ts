import type { KubeObject } from '../machinery/index.ts';
import { change, type Examine, type Fault, rank } from './fault.ts';
import { healthOf } from './health.ts';
import { conditionsOf, listAt, nameOf, oneLine, pathSteps, textAt } from './status.ts';
import type { Fixer } from './types.ts';

/** An object that is being deleted and is held by finalizers. */
export function deletionFault(object: KubeObject): Fault | undefined {
  const { deletionTimestamp: since, finalizers = [] } = object.metadata;
  if (since === undefined || (finalizers.length === 0 && object.kind !== 'Namespace')) return undefined;
  const remaining = conditionsOf(object)
    .filter(({ type, status }) => status === 'True' && /^Namespace(ContentRemaining|FinalizersRemaining)$/.test(type))
    .map(({ message }) => oneLine(message ?? ''));
  if (finalizers.length === 0 && remaining.length === 0) return undefined;
  const held = remaining.length > 0 ? remaining.join('; ') : finalizers.join(', ');
  const problem = `${nameOf(object)} is being deleted and waits for ${held}`;
  const builtIn = finalizers.every((finalizer) => finalizer === 'foregroundDeletion' || finalizer === 'orphan');
  return { at: object, rank: rank.deletion, problem, fixer: builtIn ? 'developer' : 'platform', since };
}

/** What an object of any kind says of itself: a composition's nodes first, else its conditions. */
export const examineAny: Examine = async (object) => {
  const nodes = nodeFaults(object);
  if (nodes.length > 0) return { faults: nodes };
  const { status, message } = healthOf(object);
  if (status === 'Progressing') return { faults: [], waiting: oneLine(message) };
  if (status !== 'Degraded') return { faults: [] };
  const failed = conditionsOf(object).find(
    (condition) => condition.status === 'False' && condition.message === message,
  );
  const since = failed?.lastTransitionTime ?? object.metadata.creationTimestamp;
  const text = oneLine(message) || `${nameOf(object)} is not ready`;
  const field = /^(spec(?:\.\w+|\[\d+\])+): /.exec(text)?.[1];
  const path = field === undefined ? {} : { path: pathSteps(field) };
  return { faults: [{ at: object, rank: rank.summary, problem: text, fixer: fixerOf(text), since, ...path }] };
};

function fixerOf(message: string): Fixer {
  return /not installed|no matches for kind|forbidden|quota|denied|ProviderConfig/i.test(message)
    ? 'platform'
    : 'developer';
}

/** Faults of the resources that a composition could not make (status.nodes of an instance). */
function nodeFaults(instance: KubeObject): Fault[] {
  return listAt(instance.status, ['nodes']).flatMap((node) => {
    const id = textAt(node, ['id']) ?? '';
    const message = oneLine(textAt(node, ['message']) ?? '');
    const since = textAt(node, ['since']);
    if (textAt(node, ['state']) === 'Error') return [refusedNode(instance, id, message, since)];
    const kind = /^kind (\S+) of (\S+) is not installed/.exec(message);
    if (!kind) return [];
    const problem = `kind ${kind[1]} of ${kind[2]} is not installed, and ${id} needs it`;
    const remedy = () => 'ask for it to be installed';
    return [{ at: instance, rank: rank.root, problem, remedy, fixer: 'platform' as const, since }];
  });
}

/** A composed resource that the API server refused; its field is traced as if the resource were there. */
function refusedNode(instance: KubeObject, id: string, message: string, since: string | undefined): Fault {
  const base = { rank: rank.refusal, problem: `${id} cannot be made: ${message}`, since };
  const unset = /^schema\.((?:spec|metadata)\.[\w.]+) is not set/.exec(message)?.[1];
  if (unset !== undefined) {
    const remedy = (field: string | undefined) => (field === undefined ? undefined : `set ${field}`);
    return { ...base, at: instance, remedy, path: pathSteps(unset), fixer: 'developer' };
  }
  const refused = /^(\w+)\/(\S+) was refused: .* is invalid: \[?([A-Za-z][\w.[\]-]*): /.exec(message);
  if (!refused) {
    const platform = /was refused: .*(forbidden|quota)/i.test(message);
    return { ...base, at: instance, fixer: platform ? 'platform' : 'owner' };
  }
  const [, kind = '', name = '', field = ''] = refused;
  const composed: KubeObject = {
    apiVersion: '',
    kind,
    metadata: {
      name,
      ...(instance.metadata.namespace ? { namespace: instance.metadata.namespace } : {}),
      // How compositions mark what they make (kro's labels): the provenance of the field is found by it.
      labels: { 'kro.run/node-id': id },
      ownerReferences: [
        {
          apiVersion: instance.apiVersion,
          kind: instance.kind,
          name: instance.metadata.name,
          uid: instance.metadata.uid ?? '',
          controller: true,
        },
      ],
    },
  };
  return { ...base, at: composed, remedy: change(), path: pathSteps(field), fixer: 'owner' };
}
