import { readdirSync, readFileSync } from 'node:fs';
import { family, histogramFamily, type Labels, labelText } from '../exposition.ts';
import type { FlowControl } from '../flow/flow-control.ts';
import type { Store } from '../store/store.ts';

/** What is true of the server when someone asks, in the names of kube-apiserver's, etcd's and Prometheus' own metrics. */
export function stateMetrics(store: Store, flow: FlowControl): string {
  return [...storage(store), ...flowControl(flow), ...processMetrics()].join('');
}

const one = (value: number): [Labels, number][] => [[{}, value]];

function* storage(store: Store): Iterable<string> {
  const caches = [...store.loaded()];
  yield family(
    'apiserver_storage_objects',
    'gauge',
    'Objects of each resource that was asked for.',
    caches.map(({ resource, entries }) => [
      { resource: resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}` },
      entries.size,
    ]),
  );
  yield family(
    'apiserver_watch_cache_events_received_total',
    'counter',
    'Changes of each resource that its watch cache took in.',
    caches.map(({ resource, ring }) => [{ ...resource }, ring.endPosition]),
  );
  const { used, allocated } = store.size();
  yield family('apiserver_storage_size_bytes', 'gauge', 'Size of the database.', [
    [{ storage_cluster_id: 'etcd-0' }, allocated],
  ]);
  yield family('etcd_mvcc_db_total_size_in_bytes', 'gauge', 'Size of the database.', one(allocated));
  yield family('etcd_mvcc_db_total_size_in_use_in_bytes', 'gauge', 'What of it is in use.', one(used));
  yield family('etcd_debugging_mvcc_current_revision', 'gauge', 'The newest revision.', one(store.revision));
  yield family('etcd_debugging_mvcc_compact_revision', 'gauge', 'Where history begins.', one(store.floor));
}

function* flowControl(flow: FlowControl): Iterable<string> {
  const name = (what: string): string => `apiserver_flowcontrol_${what}`;
  const levels = [...flow.levels];
  const perLevel = (what: string, help: string, value: (level: (typeof levels)[number]) => number): string =>
    family(
      name(what),
      'gauge',
      help,
      levels.map((level) => [{ priority_level: level.spec.name }, value(level)]),
    );
  yield perLevel('nominal_limit_seats', 'Seats of its own.', ({ nominal }) => nominal);
  yield perLevel('current_executing_seats', 'Seats that are taken.', ({ executing }) => executing);
  const schemas = [...flow.counts()].map(
    ([{ name: schema, level }, counts]) => [{ flow_schema: schema, priority_level: level }, counts] as const,
  );
  const perSchema = (
    what: string,
    type: 'counter' | 'gauge',
    help: string,
    value: (of: (typeof schemas)[number][1]) => number,
  ): string =>
    family(
      name(what),
      type,
      help,
      schemas.map(([labels, counts]) => [labels, value(counts)]),
    );
  yield perSchema('current_executing_requests', 'gauge', 'Requests being served.', ({ executing }) => executing);
  yield perSchema('current_inqueue_requests', 'gauge', 'Requests that wait.', ({ waiting }) => waiting);
  yield perSchema('dispatched_requests_total', 'counter', 'Requests that were served.', ({ dispatched }) => dispatched);
  yield family(
    name('rejected_requests_total'),
    'counter',
    'Requests that found no room to wait.',
    schemas
      .filter(([, { rejected }]) => rejected > 0)
      .map(([labels, { rejected }]) => [{ ...labels, reason: 'queue-full' }, rejected]),
  );
  yield histogramFamily(
    name('request_wait_duration_seconds'),
    'How long requests waited for their turn.',
    schemas.map(([labels, { waits }]) => [labelText({ execute: 'true', ...labels }), waits] as const),
  );
}

function* processMetrics(): Iterable<string> {
  const { user, system } = process.cpuUsage();
  yield family('process_cpu_seconds_total', 'counter', 'Processor time.', one((user + system) / 1e6));
  yield family('process_resident_memory_bytes', 'gauge', 'Memory.', one(process.memoryUsage.rss()));
  yield family(
    'process_start_time_seconds',
    'gauge',
    'When the process started.',
    one(Date.now() / 1000 - process.uptime()),
  );
  if (process.platform !== 'linux') return;
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  const pages = Number(readFileSync('/proc/self/statm', 'utf8').split(' ', 1)[0]);
  yield family('process_virtual_memory_bytes', 'gauge', 'Address space.', one(pages * 4096));
  yield family('process_open_fds', 'gauge', 'Open files.', one(readdirSync('/proc/self/fd').length));
  if (limit !== undefined) yield family('process_max_fds', 'gauge', 'How many may be open.', one(Number(limit)));
}
