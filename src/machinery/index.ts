export { canonicalJson } from './canonical.ts';
export type { CelBudget } from './cel/budget.ts';
export { CelFault } from './cel/fault.ts';
export { celTypeOfSchema } from './cel/schema-type.ts';
export type { CelFunctions } from './cel/signature.ts';
export { type CelType, celType, formatType, type ObjectType } from './cel/type.ts';
export { CelOptional, celOmitted, fromCel } from './cel/value.ts';
export { CelBudgetError, type CelOptions, type CelProgram, celNames, compileCel } from './cel.ts';
export { CelError, CelMissingError } from './cel-error.ts';
export { parseCron, zoneError } from './cron/parse.ts';
export type { Schedule } from './cron/schedule.ts';
export { goDuration, humanDuration } from './duration.ts';
export { hasLongNumber, integerOf, parseJson } from './exact-json.ts';
export {
  duplicateValue,
  forbiddenValue,
  invalidValue,
  requiredValue,
  tooLong,
  tooMany,
  unsupportedValue,
  valueNotFound,
} from './field-error.ts';
export { type FieldRequirement, parseFieldSelector } from './field-selector.ts';
export {
  commonIndex,
  countIndexes,
  formatIndexes,
  hasIndex,
  type Interval,
  intersectIndexes,
  intervalsOf,
  lowestAbsent,
  mergeIndexes,
  parseIndexes,
} from './index-intervals.ts';
export { cloneJson, equalJson, isFields } from './json.ts';
export { applyJsonPatch } from './json-patch.ts';
export { jsonProblem } from './json-problem.ts';
export { compileJsonPath } from './jsonpath.ts';
export { JsonPathError } from './jsonpath-parse.ts';
export { applyServerSide, trackUpdate } from './managed-fields.ts';
export { applyMergePatch } from './merge-patch.ts';
export {
  configKeyErrors,
  dns1035LabelErrors,
  dnsLabelErrors,
  dnsSubdomainErrors,
  envNameErrors,
  headerNameErrors,
  labelValueErrors,
  portNameErrors,
  portNumberErrors,
  qualifiedNameErrors,
  rangeMessage,
  wildcardSubdomainErrors,
} from './names.ts';
export * from './object.ts';
export {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  formatQuantity,
  parseQuantity,
  type Quantity,
  quantityError,
  quantityToNumber,
} from './quantity.ts';
export {
  addAmounts,
  countOf,
  growth,
  type ResourceAmounts,
  raiseAmounts,
  readAmounts,
  writeAmounts,
} from './quota/amounts.ts';
export { containersOf, podResources, resourcesOf } from './quota/pod-resources.ts';
export { limitsOn } from './quota/scopes.ts';
export { countName, type QuotaEvaluator, quotaEvaluator, unsaidResources } from './quota/usage.ts';
export { cachedRe2 } from './re2.ts';
export { RegexSyntaxError } from './re2-parse.ts';
export * from './resource.ts';
export * from './schema.ts';
export { type SchemaField, schemaFieldAt } from './schema-path.ts';
export {
  type LabelRequirement,
  type LabelSelector,
  type LabelSelectorSpec,
  labelSelectorOf,
  parseLabelSelector,
} from './selector.ts';
export * from './status.ts';
export { applyStrategicPatch } from './strategic.ts';
export { checkStructural } from './structural-check.ts';
export { applySchemaDefaults } from './structural-default.ts';
export { embeddedResources } from './structural-embedded.ts';
export { pruneUnknown, strictDecodingError } from './structural-prune.ts';
export { type CompiledRule, compilation, compileRule, markResourceRoot } from './structural-rules.ts';
export { type ValidateOptions, validateSchema } from './structural-validate.ts';
export { compareText } from './text.ts';
export { timestamp } from './time.ts';
export { mergeTyped } from './typed-merge.ts';
export { convertAutoscaler, DEFAULT_CPU_UTILIZATION } from './types/autoscalers.ts';
export { builtinResources, resourceOf } from './types/builtin-resources.ts';
export { decodeProtobuf } from './types/decode-protobuf.ts';
export {
  encodeProtobuf,
  encodeProtobufEvent,
  encodeProtobufItem,
  encodeProtobufList,
  protobufTypeOf,
} from './types/encode-protobuf.ts';
export { convertEvent, storageGroup } from './types/events.ts';
export {
  type FieldFacts,
  fieldsOf,
  isAtomicType,
  kindOfType,
  qualifiedTypeName,
  type Scalar,
  type TypeRef,
  typeOfKind,
} from './types/facts.ts';
export { builtinSchema, builtinSchemaByName, builtinTypeName, builtinTypeNames } from './types/schema-graph.ts';
export { contentText, cursorOver, nextField, readInteger, type WireField } from './types/wire.ts';
export {
  createOutput,
  type Output,
  writeDouble,
  writeNested,
  writeTag,
  writeText,
  writeVarint,
  written,
} from './types/wire-writer.ts';
export { isZero, type ZeroValues, zeroObject, zeroValuesOf } from './types/zero-values.ts';
export { yaml } from './yaml.ts';
export { zoneOffset } from './zone-offset.ts';
