import { request } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApiServer } from './index.ts';

let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server.stop());

async function ask(method: string, path: string, body?: object, contentType = 'application/json'): Promise<string> {
  const config = new KubeConfig();
  config.loadFromString(server.adminKubeconfig());
  const options = { method, headers: { 'content-type': contentType } };
  await config.applyToHTTPSOptions(options);
  return new Promise((resolve, reject) => {
    const sent = request(`${server.url}${path}`, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    sent.on('error', reject);
    sent.end(body && JSON.stringify(body));
  });
}

const MAPS = '/api/v1/namespaces/default/configmaps';
const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } };

test('requests, storage, fairness and the process are told of in the names that dashboards know', async () => {
  await ask('POST', MAPS, configMap);
  await ask('POST', MAPS, configMap);
  await ask('GET', MAPS);
  await ask('GET', '/api/v1/configmaps');
  await ask('PATCH', `${MAPS}/x?fieldManager=t&dryRun=All`, configMap, 'application/apply-patch+yaml');
  for (let index = 0; index < 20; index++) await ask('GET', `/apis/made-up-${index}/v1/things-${index}/x/y`);
  const watch = ask('GET', `${MAPS}?watch=true&timeoutSeconds=2`);
  const text = await ask('GET', '/metrics');
  const labels = (more: string): string => `component="apiserver",${more}`;
  const maps = 'group="",resource="configmaps"';
  for (const line of [
    `apiserver_request_total{code="201",${labels(`dry_run="",${maps},scope="namespace",subresource="",verb="POST",version="v1"`)}} 1`,
    `apiserver_request_total{code="409",${labels(`dry_run="",${maps},scope="namespace",subresource="",verb="POST",version="v1"`)}} 1`,
    `apiserver_request_total{code="200",${labels(`dry_run="All",${maps},scope="resource",subresource="",verb="APPLY",version="v1"`)}} 1`,
    `apiserver_request_duration_seconds_count{${labels(`dry_run="",${maps},scope="cluster",subresource="",verb="LIST",version="v1"`)}} 1`,
    `apiserver_longrunning_requests{${labels(`${maps},scope="namespace",subresource="",verb="WATCH",version="v1"`)}} 1`,
    'apiserver_current_inflight_requests{request_kind="readOnly"} 1',
  ]) {
    expect(text).toContain(`\n${line}\n`);
  }
  for (const name of [
    ...['apiserver_storage_size_bytes', 'etcd_mvcc_db_total_size_in_use_in_bytes'],
    ...['nominal_limit_seats', 'current_executing_seats', 'current_inqueue_requests', 'dispatched_requests_total'].map(
      (what) => `apiserver_flowcontrol_${what}`,
    ),
    ...['apiserver_flowcontrol_request_wait_duration_seconds_bucket', 'process_resident_memory_bytes'],
    ...['process_cpu_seconds_total', 'process_start_time_seconds'],
  ]) {
    expect(text).toMatch(new RegExp(`^${name}(?:\\{.*\\})? [\\d.e+-]+$`, 'm'));
  }
  expect(text).toMatch(/^apiserver_storage_objects\{resource="configmaps"\} [1-9]/m);
  expect(text).toMatch(/^apiserver_watch_cache_events_received_total\{group="",resource="configmaps"\} [1-9]/m);
  // What clients make up is not kept: made-up names are counted together.
  expect(text).not.toContain('made-up');
  expect(text).not.toContain('things');
  await watch;
});

test('every line is one that Prometheus reads', async () => {
  const text = await ask('GET', '/metrics');
  const sample = /^[a-z_]+(?:\{(?:[a-z_]+="[^"\\\n]*",?)+\})? (?:[\d.]+(?:e[+-]\d+)?|\+Inf)$/;
  const lines = text.trimEnd().split('\n');
  expect(lines.filter((line) => !sample.test(line) && !/^# (?:HELP|TYPE) [a-z_]+ /.test(line))).toEqual([]);
  const types = lines.filter((line) => line.startsWith('# TYPE'));
  expect(new Set(types).size).toBe(types.length);
});
