import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { isNamespaceTerminating } from '../refusals.ts';
import { endpointSlices, endpoints, services } from '../resources.ts';
import type { Service } from '../types.ts';
import { isMirror, isMirrored, mirrorChanges, mostMirrored } from './mirror.ts';
import { addServiceIndex, serviceIndex, serviceKeys, writeSlices } from './writes.ts';

/** Keeps EndpointSlices of the Endpoints that somebody wrote by hand for a service without a selector. */
export function endpointsMirroringController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const recorder = context.recorder('endpoint-slice-mirroring-controller');
  const serviceInformer = informers.for(services);
  const endpointsInformer = informers.for(endpoints);
  const sliceInformer = informers.for(endpointSlices);
  addServiceIndex(sliceInformer);

  async function reconcile(key: string): Promise<undefined> {
    const service = serviceInformer.get(key) as Service | undefined;
    const source = endpointsInformer.get(key);
    const mirrors = sliceInformer.byIndex(serviceIndex, key).filter(isMirror);
    if (!service || service.spec?.selector || !source || !isMirrored(source)) {
      await writeSlices(client, { create: [], update: [], remove: mirrors });
      return;
    }
    if (source.metadata.deletionTimestamp) return;
    const { changes, skipped } = mirrorChanges(source, mirrors);
    if (skipped > 0) {
      const message = `A max of ${mostMirrored} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`;
      recorder.event(source, 'Warning', 'TooManyAddressesToMirror', message);
    }
    try {
      await writeSlices(client, changes);
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error;
    }
  }

  return createController({
    name: 'endpointslicemirroring-controller',
    context,
    sources: [{ resource: services }, { resource: endpoints }, { resource: endpointSlices, keys: serviceKeys }],
    reconcile,
  });
}
