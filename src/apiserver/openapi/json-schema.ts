export type OpenApiVersion = 'v2' | 'v3';
export type JsonSchema = Record<string, unknown>;
