// A whole controller: it keeps a ConfigMap with a greeting for every Greeting, and says in its status when that is so.
import { createController, ownerReferenceTo, type PlatformContext, resourceOf } from 'homeport/envtest';

export const greetings = {
  group: 'example.dev',
  version: 'v1',
  resource: 'greetings',
  kind: 'Greeting',
  namespaced: true,
};
const configMaps = resourceOf('v1', 'ConfigMap');
const fieldManager = 'greeter';

export function greeter({ client, informers, ...context }: PlatformContext) {
  const informer = informers.for(greetings);

  return createController({
    name: 'greeter',
    context: { client, informers, ...context },
    sources: [
      { resource: greetings },
      // A ConfigMap that somebody changes or deletes is put right: its owner is looked at again.
      {
        resource: configMaps,
        keys: ({ metadata: { namespace, ownerReferences = [] } }) =>
          ownerReferences.filter(({ kind }) => kind === 'Greeting').map(({ name }) => `${namespace}/${name}`),
      },
    ],
    async reconcile(key) {
      const greeting = informer.get(key);
      if (!greeting || greeting.metadata.deletionTimestamp) return undefined;
      const { namespace, name, generation } = greeting.metadata;
      const configMap = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace, name, ownerReferences: [ownerReferenceTo(greeting)] },
        data: { text: `Hello, ${greeting.spec?.['name']}!` },
      };
      await client.apply(configMaps, configMap, { fieldManager, force: true });

      const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
      const ready = { type: 'Ready', status: 'True', reason: 'Greeted', message: '', lastTransitionTime };
      if (greeting.status?.['observedGeneration'] !== generation) {
        const status = { observedGeneration: generation, conditions: [ready] };
        await client.patch(greetings, greeting.metadata, 'merge', { status }, { subresource: 'status' });
      }
      return undefined;
    },
  });
}
