import type { KindStrategy } from '../contracts.ts';
import { asDefinition, type DefinitionSpec } from './definition.ts';
import { validateDefinition } from './validate.ts';
import { warningsOf } from './warnings.ts';

/** Defaulting and validation of CustomResourceDefinition objects (apiextensions.k8s.io/v1). */
export const crdStrategy: KindStrategy = {
  applyDefaults(object) {
    const crd = asDefinition(object);
    if (crd.spec === undefined) return;
    defaultNames(crd.spec);
    crd.spec.conversion ??= { strategy: 'None' };
    const storage = crd.spec.versions?.find((version) => version.storage)?.name;
    if (storage !== undefined && !crd.status?.storedVersions?.length) {
      crd.status = { ...crd.status, storedVersions: [storage] };
    }
  },
  /** A version that is stored in from now on has been stored in from the moment of the change. */
  prepareForUpdate(object) {
    const crd = asDefinition(object);
    const storage = crd.spec?.versions?.find((version) => version.storage)?.name;
    const stored = crd.status?.storedVersions ?? [];
    if (storage === undefined || stored.includes(storage)) return;
    crd.status = { ...crd.status, storedVersions: [...stored, storage] };
  },
  validate: (object, old) => validateDefinition(asDefinition(object), old && asDefinition(old)),
  warnings: (object) => warningsOf(asDefinition(object)),
};

function defaultNames(spec: DefinitionSpec): void {
  spec.names ??= {};
  const { names } = spec;
  if (!names.singular && names.kind) names.singular = names.kind.toLowerCase();
  if (!names.listKind && names.kind) names.listKind = `${names.kind}List`;
}
