import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KubeObject } from '../../machinery/index.ts';
import { tableOf } from '../linux/firewall.ts';
import { allows } from './allows.ts';
import { modelOf, type PolicyPod } from './model.ts';
import { chainsOf } from './ruleset.ts';

const pod = (namespace: string, app: string, address: string, port = 8080): PolicyPod => ({
  namespace,
  labels: { app },
  address,
  ports: [{ name: 'http', containerPort: port }],
});

const web = pod('shop', 'web', '10.244.0.2');
const other = pod('shop', 'web', '10.244.0.3', 9090);
const db = pod('shop', 'db', '10.244.0.4');
const spy = pod('evil', 'spy', '10.244.0.5');
const world = {
  pods: [web, other, db, spy],
  namespaceLabels: (name: string) => ({ 'kubernetes.io/metadata.name': name }),
};

function policy(spec: object, namespace = 'shop'): KubeObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'p', namespace },
    spec: { podSelector: {}, ...spec },
  };
}

const model = (...specs: object[]) =>
  modelOf(
    specs.map((spec) => policy(spec)),
    world,
  );
const reject = ['meta l4proto tcp reject with tcp reset', 'reject with icmp type admin-prohibited'];
const all = '{ 10.244.0.2, 10.244.0.3, 10.244.0.4 }';

test('without policies there are no rules', () => {
  expect(chainsOf(model())).toEqual({ egress: [], ingress: [] });
});

test.each([
  ['nothing in', { policyTypes: ['Ingress'] }, [], [`ip daddr != ${all} return`, ...reject]],
  ['nothing out', { policyTypes: ['Egress'] }, [`ip saddr != ${all} return`, ...reject], []],
  ['everything in', { ingress: [{}] }, [], [`ip daddr != ${all} return`, `ip daddr ${all} return`, ...reject]],
  [
    'pods of the same namespace, some ports',
    {
      podSelector: { matchLabels: { app: 'db' } },
      ingress: [
        {
          from: [{ podSelector: { matchLabels: { app: 'web' } } }],
          ports: [
            { port: 5432 },
            { port: 6000, endPort: 6010 },
            { protocol: 'UDP', port: 53 },
            { port: 6005, endPort: 6020 },
          ],
        },
      ],
    },
    [],
    [
      'ip daddr != { 10.244.0.4 } return',
      'ip daddr { 10.244.0.4 } ip saddr { 10.244.0.2, 10.244.0.3 } tcp dport { 5432, 6000-6020 } return',
      'ip daddr { 10.244.0.4 } ip saddr { 10.244.0.2, 10.244.0.3 } udp dport { 53 } return',
      ...reject,
    ],
  ],
  [
    'a whole protocol, and a selector of namespaces',
    {
      podSelector: { matchLabels: { app: 'db' } },
      ingress: [
        {
          from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'evil' } } }],
          ports: [{ protocol: 'UDP' }],
        },
      ],
    },
    [],
    [
      'ip daddr != { 10.244.0.4 } return',
      'ip daddr { 10.244.0.4 } ip saddr { 10.244.0.5 } ip protocol udp return',
      ...reject,
    ],
  ],
  [
    'blocks of addresses with holes',
    {
      podSelector: { matchLabels: { app: 'db' } },
      policyTypes: ['Egress'],
      egress: [
        {
          to: [
            { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '10.2.0.0/16'] } },
            { ipBlock: { cidr: '::/0' } },
          ],
        },
      ],
    },
    [
      'ip saddr != { 10.244.0.4 } return',
      'ip saddr { 10.244.0.4 } ip daddr 10.0.0.0/8 ip daddr != 10.1.0.0/16 ip daddr != 10.2.0.0/16 return',
      ...reject,
    ],
    [],
  ],
  [
    'a port by name, which is another number in each pod',
    { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ ports: [{ port: 'http' }] }] },
    [],
    [
      'ip daddr != { 10.244.0.2, 10.244.0.3 } return',
      'ip daddr { 10.244.0.2 } tcp dport { 8080 } return',
      'ip daddr { 10.244.0.3 } tcp dport { 9090 } return',
      ...reject,
    ],
  ],
  [
    'a port by name on the way out',
    {
      podSelector: { matchLabels: { app: 'db' } },
      egress: [{ to: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 'http' }] }],
      policyTypes: ['Egress'],
    },
    [
      'ip saddr != { 10.244.0.4 } return',
      'ip saddr { 10.244.0.4 } ip daddr { 10.244.0.2 } tcp dport { 8080 } return',
      'ip saddr { 10.244.0.4 } ip daddr { 10.244.0.3 } tcp dport { 9090 } return',
      ...reject,
    ],
    [],
  ],
  ['nobody, when no pod is chosen', { podSelector: { matchLabels: { app: 'none' } } }, [], []],
])('%s', (_name, spec, egress, ingress) => {
  expect(chainsOf(model(spec))).toEqual({ egress, ingress });
});

const connection = (from: PolicyPod, to: PolicyPod, port = 8080) => ({
  ...{ from: from.address, to: to.address, protocol: 'TCP' as const, port },
});

test('policies add up, and both sides count', () => {
  const closed = { podSelector: { matchLabels: { app: 'db' } }, policyTypes: ['Ingress'] };
  const open = { ...closed, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }] }] };
  expect(allows(model(closed), connection(web, db))).toBe(false);
  expect(allows(model(closed, open), connection(web, db))).toBe(true);
  expect(allows(model(closed, open), connection(spy, db))).toBe(false);
  expect(allows(model(closed), connection(db, web))).toBe(true);
  const silent = { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Egress'] };
  expect(allows(model(closed, open, silent), connection(web, db))).toBe(false);
  const block = { ipBlock: { cidr: '10.244.0.0/24', except: ['10.244.0.5/32'] } };
  const fromBlock = model({ ...closed, ingress: [{ from: [block] }] });
  expect([web, spy].map((from) => allows(fromBlock, connection(from, db)))).toEqual([true, false]);
});

test('the rules of nftables and the answers of this process say the same', () => {
  const selector = fc.constantFrom({}, { matchLabels: { app: 'web' } }, { matchLabels: { app: 'db' } });
  const peer = fc.oneof(
    selector.map((podSelector) => ({ podSelector })),
    selector.map((podSelector) => ({ podSelector, namespaceSelector: {} })),
    fc.constantFrom(
      { ipBlock: { cidr: '10.244.0.0/30', except: ['10.244.0.2/32'] } },
      { ipBlock: { cidr: '10.244.0.4/31' } },
    ),
  );
  const port = fc.constantFrom({ port: 8080 }, { port: 'http' }, { protocol: 'UDP' }, { port: 8000, endPort: 9000 });
  const rule = fc.record(
    {
      from: fc.array(peer, { maxLength: 2 }),
      to: fc.array(peer, { maxLength: 2 }),
      ports: fc.array(port, { maxLength: 2 }),
    },
    { requiredKeys: [] },
  );
  const spec = fc.record({
    podSelector: selector,
    policyTypes: fc.subarray(['Ingress', 'Egress'], { minLength: 1 }),
    ingress: fc.array(rule, { maxLength: 2 }),
    egress: fc.array(rule, { maxLength: 2 }),
  });
  const ends = fc.constantFrom(web, other, db, spy);
  const numbers = fc.constantFrom(8080, 9090, 80);
  fc.assert(
    fc.property(fc.array(spec, { maxLength: 3 }), ends, ends, numbers, (specs, from, to, number) => {
      const made = model(...specs);
      const { egress, ingress } = chainsOf(made);
      const one = connection(from, to, number);
      expect(runs(egress, one) && runs(ingress, one)).toBe(allows(made, one));
    }),
    { numRuns: 1_000 },
  );
});

/** What nft(8) would do with a TCP connection and these rules, as far as they are used here: whether it gets through. */
function runs(lines: readonly string[], { from, to, port }: ReturnType<typeof connection>): boolean {
  for (const line of lines) {
    let rest = line;
    let holds = true;
    const take = (pattern: RegExp, test: (found: RegExpExecArray) => boolean) => {
      for (let found = pattern.exec(rest); found; found = pattern.exec(rest)) {
        rest = rest.replace(found[0], '');
        holds &&= test(found);
      }
    };
    take(/ip (s|d)addr (!= )?(\{[^}]*\}|\S+) /, ([, side, not, value = '']) => {
      const address = side === 's' ? from : to;
      return (value.match(/[\d./]+/g) ?? []).some((range) => isIn(range, address)) !== (not !== undefined);
    });
    take(/meta l4proto (\w+) /, ([, protocol]) => protocol === 'tcp');
    take(/ip protocol (\w+) /, ([, protocol]) => protocol === 'tcp');
    take(
      /(tcp|udp|sctp) dport \{ ([^}]*) \} /,
      ([, protocol, ranges = '']) =>
        protocol === 'tcp' &&
        ranges.split(', ').some((range) => {
          const [first = 0, last = first] = range.split('-').map(Number);
          return port >= first && port <= last;
        }),
    );
    if (holds) return rest === 'return';
  }
  return true;
}

function isIn(range: string, address: string): boolean {
  const bits = (text: string) => text.split('.').reduce((all, byte) => all * 256 + Number(byte), 0);
  const [network = '', prefix = '32'] = range.split('/');
  const size = 2 ** (32 - Number(prefix));
  return Math.floor(bits(network) / size) === Math.floor(bits(address) / size);
}

test('the table replaces the one before as a whole', () => {
  const network = { bridge: 'hp3', podCidr: '10.244.3.0/24', gateway: '10.244.3.1', serviceCidr: '10.99.0.0/16' };
  const text = tableOf(network, chainsOf(model({ policyTypes: ['Ingress'] })));
  expect(text.split('\n').slice(0, 3)).toEqual([
    'table ip homeport_hp3',
    'delete table ip homeport_hp3',
    'table ip homeport_hp3 {',
  ]);
  expect(text).toContain(`chain ingress {\nip daddr != ${all} return\n${reject.join('\n')}\n}`);
  expect(text).toContain('iifname != "hp3v*" drop');
});
