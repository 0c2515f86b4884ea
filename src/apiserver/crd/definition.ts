import type { KubeObject, Schema } from '../../machinery/index.ts';

/** The parts of a CustomResourceDefinition (apiextensions.k8s.io/v1) that this server reads. */
export type CustomResourceDefinition = KubeObject<DefinitionSpec, DefinitionStatus>;

export interface DefinitionSpec {
  group?: string;
  scope?: string;
  names?: DefinitionNames;
  versions?: DefinitionVersion[];
  conversion?: DefinitionConversion;
  preserveUnknownFields?: boolean;
}

/** How objects get from one version to another. */
export interface DefinitionConversion {
  strategy?: string;
  webhook?: { clientConfig?: WebhookClientConfig; conversionReviewVersions?: string[] };
}

/** Where a webhook is. */
export interface WebhookClientConfig {
  url?: string;
  service?: { name?: string; namespace?: string; port?: number; path?: string };
  /** PEM in base64. */
  caBundle?: string;
}

export interface DefinitionNames {
  plural?: string;
  singular?: string;
  kind?: string;
  listKind?: string;
  shortNames?: string[];
  categories?: string[];
}

export interface DefinitionVersion {
  name?: string;
  served?: boolean;
  storage?: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  schema?: { openAPIV3Schema?: Schema };
  subresources?: { status?: object; scale?: DefinitionScale };
  additionalPrinterColumns?: DefinitionColumn[];
  selectableFields?: { jsonPath?: string }[];
}

export interface DefinitionScale {
  specReplicasPath?: string;
  statusReplicasPath?: string;
  labelSelectorPath?: string;
}

export interface DefinitionColumn {
  name?: string;
  type?: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath?: string;
}

export interface DefinitionStatus {
  acceptedNames?: DefinitionNames;
  storedVersions?: string[];
  conditions?: DefinitionCondition[];
}

export interface DefinitionCondition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
  observedGeneration?: number;
}

/** The same object with its fields typed. The API server has checked it against the kind's schema before. */
export function asDefinition(object: KubeObject): CustomResourceDefinition {
  return object as CustomResourceDefinition;
}
