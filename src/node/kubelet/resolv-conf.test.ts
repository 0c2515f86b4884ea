import { expect, test } from 'vitest';
import type { Pod, PodSpec } from '../pod.ts';
import { resolvConfOf } from './resolv-conf.ts';

const machine = 'nameserver 192.0.2.53\nsearch example.org lan.\noptions timeout:1\n';
const made = (spec: Partial<PodSpec>, clusterDns: string | undefined = '10.96.0.10') => {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'shop' },
    spec: { containers: [], ...spec },
  };
  return resolvConfOf(pod, { clusterDns, hostIp: '10.244.0.1', machine });
};

const ofCluster =
  'search shop.svc.cluster.local svc.cluster.local cluster.local example.org lan\nnameserver 10.96.0.10\noptions ndots:5\n';
const ofMachine = 'search example.org lan\nnameserver 10.244.0.1\noptions timeout:1\n';

test.each([
  ['nothing', {}, ofCluster],
  ['ClusterFirst', { dnsPolicy: 'ClusterFirst' }, ofCluster],
  ['ClusterFirst on the host network', { dnsPolicy: 'ClusterFirst', hostNetwork: true }, ofMachine],
  ['ClusterFirstWithHostNet', { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, ofCluster],
  ['Default', { dnsPolicy: 'Default' }, ofMachine],
  ['None', { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.1'] } }, 'nameserver 192.0.2.1\n'],
])('a dnsPolicy of %s', (_name, spec, text) => {
  expect(made(spec)).toEqual({ text, omitted: [] });
});

test('dnsConfig is added, and its options replace those of the same name', () => {
  const dnsConfig = {
    nameservers: ['10.96.0.10', '192.0.2.1'],
    searches: ['my.zone', 'cluster.local'],
    options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
  };
  expect(made({ dnsConfig }).text).toBe(
    'search shop.svc.cluster.local svc.cluster.local cluster.local example.org lan my.zone\nnameserver 10.96.0.10\nnameserver 192.0.2.1\noptions ndots:2 edns0\n',
  );
});

test('what a C library would not read is left out, and told', () => {
  const nameservers = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
  expect(made({ dnsConfig: { nameservers } }).omitted).toEqual([
    'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 192.0.2.1 192.0.2.2',
  ]);
  const searches = Array.from({ length: 40 }, (_, at) => `zone${at}.example`);
  const { text, omitted } = made({ dnsConfig: { searches } });
  expect(text.split('\n')[0]?.split(' ')).toHaveLength(33);
  expect(omitted[0]).toMatch(/^Search Line limits were exceeded, some search paths have been omitted/);
});

test('no value of a pod begins another line', () => {
  const dnsConfig = { searches: ['a\nnameserver 6.6.6.6'], options: [{ name: 'x', value: '1\noptions' }] };
  expect(made({ dnsConfig }).text).toBe(ofCluster);
});
