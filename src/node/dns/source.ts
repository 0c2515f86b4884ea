import type { Informers } from '../../client/index.ts';
import { endpointSlices, namespaces, services } from '../pod.ts';
import { slicesByService } from '../proxy/backends.ts';
import type { ZoneSource } from './kubernetes.ts';

const byAddress = 'address';
const byClusterIp = 'clusterIP';

/** The zone as the informers tell it. */
export function informerSource(informers: Informers, rest: Pick<ZoneSource, 'serverAddress' | 'lookup'>): ZoneSource {
  const service = informers.for(services);
  const slice = informers.for(endpointSlices);
  const namespace = informers.for(namespaces, true);
  const slicesOf = slicesByService(informers);
  service.addIndex(byClusterIp, ({ spec }) => (spec?.['clusterIPs'] ?? []) as string[]);
  slice.addIndex(byAddress, (object) =>
    ((object['endpoints'] ?? []) as { addresses?: string[] }[]).flatMap(({ addresses }) => addresses ?? []),
  );
  let ready = false;
  void Promise.all([service.synced, slice.synced, namespace.synced]).then(() => {
    ready = true;
  });
  return {
    ...rest,
    ready: () => ready,
    namespaceExists: (name) => namespace.get(name) !== undefined,
    service: (ns, name) => service.get(`${ns}/${name}`),
    slices: (ns, name) => slicesOf(`${ns}/${name}`),
    serviceAt: (ip) => service.byIndex(byClusterIp, ip)[0],
    slicesAt: (ip) => slice.byIndex(byAddress, ip),
  };
}
