/** Resources for the tests of discovery and OpenAPI. */
import { apiVersionOfResource, builtinResources, builtinSchema } from '../machinery/index.ts';
import type { ServedResource } from './contracts.ts';
import { printerFor } from './printers/index.ts';

export const builtins: readonly ServedResource[] = builtinResources.map((info) => ({
  ...info,
  schema: builtinSchema(apiVersionOfResource(info), info.kind) ?? {},
  printer: printerFor(info.group, info.version, info.kind),
  virtual: !info.verbs.includes('get'),
  custom: false,
}));

/** What a CRD CronTab in stable.example.com is served as. */
export function cronTabs(version = 'v1'): ServedResource {
  return {
    ...{ group: 'stable.example.com', version, resource: 'crontabs', kind: 'CronTab', singular: 'crontab' },
    ...{ namespaced: true, shortNames: ['ct'], categories: [] },
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    subresources: [{ name: 'status', verbs: ['get', 'patch', 'update'] }],
    printer: printerFor('stable.example.com', version, 'CronTab'),
    virtual: false,
    custom: true,
    schema: {
      type: 'object',
      description: 'Runs something at set times.',
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { type: 'object' },
        spec: {
          type: 'object',
          required: ['cronSpec'],
          properties: {
            cronSpec: { type: 'string', description: 'When to run.', pattern: '^.+$' },
            replicas: { type: 'integer', minimum: 1, default: 1 },
            port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
            free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            note: { type: 'string', nullable: true },
            tags: { type: 'object', additionalProperties: { type: 'array', items: { type: 'string', enum: ['a'] } } },
          },
        },
      },
    },
  };
}
