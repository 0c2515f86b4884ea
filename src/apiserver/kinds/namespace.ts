import { invalidValue, type KubeObject, qualifiedNameErrors, type StatusCause } from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { invalidAll, unqualifiedFinalizer } from './checks.ts';
import { ensureObject, setDefault, textAt, textsAt } from './fields.ts';

const nameLabel = 'kubernetes.io/metadata.name';
const kubernetesFinalizer = 'kubernetes';

/** Namespaces carry their name as a label, and spec.finalizers, which only the finalize subresource changes. */
export const namespaceStrategy: KindStrategy = {
  applyDefaults(namespace) {
    const { metadata } = namespace;
    setDefault(ensureObject(namespace, 'status'), 'phase', 'Active');
    if (metadata.name) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
  },
  prepareForCreate(namespace) {
    const spec = ensureObject(namespace, 'spec');
    const finalizers = textsAt(spec, 'finalizers');
    spec['finalizers'] = finalizers.includes(kubernetesFinalizer) ? finalizers : [...finalizers, kubernetesFinalizer];
    namespace.status = { phase: 'Active' };
  },
  prepareForUpdate(namespace, old) {
    const spec = ensureObject(namespace, 'spec');
    const finalizers = old.spec?.['finalizers'];
    if (finalizers === undefined) delete spec['finalizers'];
    else spec['finalizers'] = finalizers;
  },
  validate: ({ spec }) => textsAt(spec, 'finalizers').flatMap((name) => finalizerErrors(name, 'spec.finalizers')),
  subresources: {
    status: { validate: phaseErrors },
    finalize: {
      validate: ({ spec }) =>
        textsAt(spec, 'finalizers').flatMap((name, index) => finalizerErrors(name, `spec.finalizers[${index}]`)),
    },
  },
};

function finalizerErrors(name: string, path: string): StatusCause[] {
  return [...invalidAll(path, name, qualifiedNameErrors(name)), ...unqualifiedFinalizer(name, path)];
}

/** Whether a namespace goes is said by its deletion, not by whoever writes its status. */
function phaseErrors({ metadata, status }: KubeObject): StatusCause[] {
  const phase = textAt(status, 'phase');
  const [wanted, when] = metadata.deletionTimestamp ? ['Terminating', 'is not empty'] : ['Active', 'is empty'];
  if (phase === wanted) return [];
  const detail = `may only be '${wanted}' if \`deletionTimestamp\` ${when}`;
  return [invalidValue('status.Phase', phase, detail)];
}
