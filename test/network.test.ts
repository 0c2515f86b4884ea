// Pods that find each other: names, Services of every kind, and what is refused.

import { spawn } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { get } from 'node:https';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { chooseRuntime } from '../src/node/index.ts';
import { serverCertificate } from './support/certificates.ts';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildDemoImage } from './support/images.ts';
import { ended, eventually, run } from './support/run.ts';

const { name: runtime } = await chooseRuntime('auto');
let homeport: TestHomeport;
const kubectl: TestHomeport['kubectl'] = (args, options) => homeport.kubectl(args, options);
const image = 'silly-demo:1';

beforeAll(async () => {
  homeport = await startHomeport();
  await buildDemoImage(homeport, image);
});
afterAll(() => homeport.stop());

/** A server that answers over TCP and UDP on 8080 with its host name. */
const server = `
const { hostname } = require('node:os');
require('node:http').createServer((q, r) => r.end(hostname() + ' ' + q.socket.remoteAddress)).listen(8080);
const udp = require('node:dgram').createSocket('udp4');
udp.on('message', (text, from) => udp.send(hostname() + ':' + text, from.port, from.address)).bind(8080);
`;

const pod = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name.replace(/-\d$/, '') } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image, command: ['node', '-e', server] }],
    ...more,
  },
});

const service = (name: string, app: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: {
    selector: { app },
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'echo', port: 7, targetPort: 8080, protocol: 'UDP' },
    ],
    ...more,
  },
});

async function apply(ns: string, ...objects: object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await kubectl(['-n', ns, 'apply', '-f', '-'], { input });
}

/** Runs a program in a pod and returns what it printed. */
async function inPod(ns: string, name: string, ...command: string[]): Promise<string> {
  return (await kubectl(['-n', ns, 'exec', name, '--', ...command])).trim();
}

const askUdp = (host: string, port: number) => `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (text) => { console.log(String(text)); process.exit(); });
socket.send('hi', ${port}, '${host}');
setTimeout(() => process.exit(1), 2000);
`;

/** A machine beside this one, which knows no way to pods: a server in a network namespace of its own. */
async function startOutside(): Promise<{ url: string; gateway: string; stop(): Promise<void> }> {
  const script = `require('node:http').createServer((q, r) => r.end('from ' + q.socket.remoteAddress)).listen(80, '0.0.0.0', () => console.log('up'))`;
  const child = spawn('unshare', ['--net', process.execPath, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const [a, b] = [process.pid >> 8, process.pid].map((number) => number & 255);
  const [gateway, address, cable] = [
    `198.18.${a}.${((b ?? 0) & 252) | 1}`,
    `198.18.${a}.${((b ?? 0) & 252) | 2}`,
    `out${process.pid}`,
  ];
  const commands = [
    `link add ${cable} type veth peer name eth0 netns ${child.pid}`,
    `addr add ${gateway}/30 dev ${cable}`,
    `link set ${cable} up`,
  ];
  const inside = [`addr add ${address}/30 dev eth0`, 'link set eth0 up'];
  const enter = ['nsenter', `--net=/proc/${child.pid}/ns/net`, 'ip', '-batch', '-'];
  for (const [words, input] of [
    [['ip', '-batch', '-'], commands],
    [enter, inside],
  ] as const) {
    const [command = '', ...args] = words;
    const { code, stderr } = await run(command, args, { input: `${input.join('\n')}\n` });
    expect(code, stderr).toBe(0);
  }
  return {
    url: `http://${address}/`,
    gateway,
    async stop() {
      child.kill('SIGKILL');
      await ended(child);
    },
  };
}

const jsonpath = (ns: string, what: string, path: string) => kubectl(`-n ${ns} get ${what} -o jsonpath={${path}}`);

describe.runIf(runtime === 'linux')('in pods', () => {
  const ns = 'net';
  beforeAll(async () => {
    await kubectl(['create', 'namespace', ns]);
    await apply(
      ns,
      pod('client'),
      pod('db-0', { hostname: 'db-0', subdomain: 'db' }),
      pod('db-1', { hostname: 'db-1', subdomain: 'db' }),
      service('db', 'db', { clusterIP: 'None' }),
      service('web', 'db'),
      service('self', 'client'),
      service('nobody', 'nobody'),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'ext' },
        spec: { type: 'ExternalName', externalName: 'web.net.svc.cluster.local' },
      },
    );
    await kubectl(`-n ${ns} wait --for=condition=Ready pod --all --timeout=60s`);
  });

  test('names of Services resolve, short and whole, through the C library and through Node', async () => {
    const ip = await jsonpath(ns, 'svc web', '.spec.clusterIP');
    for (const name of ['web', `web.${ns}`, `web.${ns}.svc`, `web.${ns}.svc.cluster.local`, 'ext'])
      expect(await inPod(ns, 'client', 'getent', 'ahostsv4', name), name).toMatch(new RegExp(`^${ip}\\s`));
    const script = `require('node:dns').promises.resolveSrv('_http._tcp.db.${ns}.svc.cluster.local').then((all) => console.log(JSON.stringify(all.map((one) => one.name).sort())))`;
    expect(JSON.parse(await inPod(ns, 'client', 'node', '-e', script))).toEqual([
      `db-0.db.${ns}.svc.cluster.local`,
      `db-1.db.${ns}.svc.cluster.local`,
    ]);
    expect(await inPod(ns, 'db-0', 'hostname', '-f')).toBe(`db-0.db.${ns}.svc.cluster.local`);
    const missing = await homeport.tryKubectl(['-n', ns, 'exec', 'client', '--', 'getent', 'hosts', 'web.nowhere']);
    expect(missing.code).toBe(2);
  });

  test('each pod of a headless Service has a name that leads to it', async () => {
    for (const name of ['db-0', 'db-1']) {
      const script = `fetch('http://${name}.db:8080').then((r) => r.text()).then(console.log)`;
      expect(await inPod(ns, 'client', 'node', '-e', script)).toMatch(new RegExp(`^${name} `));
    }
  });

  test('kube-dns is a Service at the tenth address, and answers this machine, too', async () => {
    const first = await jsonpath('default', 'svc kubernetes', '.spec.clusterIP');
    const dns = await jsonpath('kube-system', 'svc kube-dns', '.spec.clusterIP');
    expect(dns).toBe(first.replace(/1$/, '10'));
    const resolver = new Resolver({ timeout: 2_000 });
    resolver.setServers([dns]);
    expect(await resolver.resolve4('kubernetes.default.svc.cluster.local')).toEqual([first]);
    expect(await resolver.reverse(first)).toEqual(['kubernetes.default.svc.cluster.local']);
  });

  test('UDP is answered, and so is a pod that asks its own Service', async () => {
    expect(await inPod(ns, 'client', 'node', '-e', askUdp('web', 7))).toMatch(/^db-[01]:hi$/);
    expect(await inPod(ns, 'client', 'node', '-e', askUdp('self', 7))).toBe('client:hi');
    const script = "fetch('http://self').then((r) => r.text()).then(console.log)";
    expect(await inPod(ns, 'client', 'node', '-e', script)).toMatch(/^client /);
  });

  test('a Service without endpoints refuses at once', async () => {
    const script = "fetch('http://nobody').catch((error) => console.log(error.cause.code))";
    expect(await inPod(ns, 'client', 'node', '-e', script)).toBe('ECONNREFUSED');
  });

  test('a NodePort and a load balancer answer on this machine', async () => {
    const free = 20_000 + (process.pid % 10_000);
    const ports = [{ port: free, targetPort: 8080 }];
    await apply(ns, service('balanced', 'db', { type: 'LoadBalancer', ports }));
    const ip = await eventually('an address', async () =>
      jsonpath(ns, 'svc balanced', '.status.loadBalancer.ingress[0].ip'),
    );
    expect(ip).toBe('127.0.0.1');
    const nodePort = await jsonpath(ns, 'svc balanced', '.spec.ports[0].nodePort');
    const node = await jsonpath(ns, 'node homeport', '.status.addresses[?(@.type=="InternalIP")].address');
    for (const address of [`127.0.0.1:${free}`, `127.0.0.1:${nodePort}`, `${node}:${nodePort}`])
      expect(await (await fetch(`http://${address}`)).text(), address).toMatch(/^db-[01] /);
  });

  test('a hostPort answers on this machine, over TCP and UDP', async () => {
    const hostPort = 10_000 + (process.pid % 10_000);
    const ports = [
      { containerPort: 8080, hostPort },
      { containerPort: 8080, hostPort, protocol: 'UDP' },
    ];
    await apply(ns, pod('hosted', { containers: [{ name: 'main', image, command: ['node', '-e', server], ports }] }));
    await kubectl(`-n ${ns} wait --for=condition=Ready pod hosted --timeout=60s`);
    const answer = await eventually('an answer', async () => (await fetch(`http://127.0.0.1:${hostPort}`)).text());
    expect(answer).toMatch(/^hosted /);
    expect((await run(process.execPath, ['-e', askUdp('127.0.0.1', hostPort)])).stdout.trim()).toBe('hosted:hi');
  });

  test('an Ingress answers over TLS with the certificate of its Secret, on the port of HTTP', async () => {
    const host = 'secure.example.org';
    const pem = await serverCertificate(host);
    const secret = { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: 'cert' } };
    const backend = { service: { name: 'web', port: { name: 'http' } } };
    const ingress = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'secure' },
      spec: {
        ingressClassName: 'nginx',
        tls: [{ hosts: [host], secretName: 'cert' }],
        rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
      },
    };
    await apply(ns, ingress);
    await eventually('an Event about the Secret', async () =>
      (await kubectl(`-n ${ns} describe ingress secure`)).includes('CertificateNotUsable'),
    );
    await apply(ns, { ...secret, stringData: pem });
    const answer = await eventually('an answer', async () => {
      const port = new URL(homeport.status.apps).port;
      const options = {
        host: '127.0.0.1',
        port,
        servername: host,
        headers: { host },
        ca: pem['tls.crt'],
        agent: false as const,
      };
      return new Promise<string | undefined>((resolve) => {
        const read = async (response: AsyncIterable<Buffer>) => {
          let text = '';
          for await (const chunk of response) text += chunk;
          resolve(text);
        };
        get(options, (response) => void read(response)).on('error', () => resolve(undefined));
      });
    });
    expect(answer).toMatch(/^db-[01] /);
    expect(await jsonpath(ns, 'ingress secure', '.status.loadBalancer.ingress[0].ip')).toBe('127.0.0.1');
  });

  test('pods reach what is beyond the machine behind its address, or are refused at once', async () => {
    const canTranslate = (await run('sh', ['-c', 'command -v nft || command -v iptables'])).code === 0;
    const outside = await startOutside();
    onTestFinished(outside.stop);
    const script = `fetch('${outside.url}').then((r) => r.text(), (error) => error.cause.code).then(console.log)`;
    const answer = await inPod(ns, 'client', 'node', '-e', script);
    expect(answer).toBe(canTranslate ? `from ${outside.gateway}` : 'ENETUNREACH');
  });

  test('NetworkPolicies hold, by address and by Service, where nftables is there; where not, an Event says so', async () => {
    const enforced = (await run('sh', ['-c', 'command -v nft'])).code === 0;
    await kubectl(['create', 'namespace', 'walled']);
    await apply('walled', pod('friend'), pod('foe'), pod('vault'), service('vault', 'vault'));
    await kubectl('-n walled wait --for=condition=Ready pod --all --timeout=60s');
    const ip = await jsonpath('walled', 'pod vault', '.status.podIP');
    const clusterIp = await jsonpath('walled', 'svc vault', '.spec.clusterIP');
    const urls = JSON.stringify([`http://${ip}:8080`, `http://${clusterIp}`]);
    const script = `const ask = (url) => fetch(url).then((r) => r.text(), () => 'refused');
      Promise.all(${urls}.map(ask)).then((all) => console.log(JSON.stringify(all)))`;
    const both = async (from: string): Promise<string[]> =>
      JSON.parse(await inPod('walled', from, 'node', '-e', script));
    for (const answer of await both('foe')) expect(answer).toMatch(/^vault /);
    await apply('walled', {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'wall' },
      spec: {
        podSelector: { matchLabels: { app: 'vault' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: 'friend' } } }], ports: [{ port: 8080 }] }],
      },
    });
    const told = async () =>
      (await kubectl('-n walled get events --field-selector reason=NotEnforced -o jsonpath={..message}')).trim();
    if (!enforced) {
      const message = await eventually('an Event', told);
      expect(message).toMatch(
        /^NetworkPolicies are not enforced by this node: the program nft .*is not on this machine$/,
      );
      return;
    }
    await eventually('the wall', async () => (await both('foe')).every((answer) => answer === 'refused'));
    for (const answer of await both('friend')) expect(answer).toMatch(/^vault /);
    const silence = { podSelector: { matchLabels: { app: 'friend' } }, policyTypes: ['Egress'] };
    await apply('walled', {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'silence' },
      spec: silence,
    });
    await eventually('silence', async () => (await both('friend')).every((answer) => answer === 'refused'));
    await kubectl('-n walled delete networkpolicy --all');
    await eventually('no wall', async () => (await both('foe')).every((answer) => answer.startsWith('vault ')));
    expect(await told()).toBe('');
  });

  test('what is not done is said in an Event', async () => {
    await apply(ns, service('sctp', 'db', { ports: [{ port: 9, protocol: 'SCTP' }], externalIPs: ['198.51.100.7'] }));
    const events = await eventually('two events', async () => {
      const text = await kubectl(
        `-n ${ns} get events --field-selector involvedObject.name=sctp -o jsonpath={..reason}`,
      );
      return text.split(' ').length === 2 && text;
    });
    expect(events.split(' ').sort()).toEqual(['ExternalIPsNotSupported', 'ProtocolNotSupported']);
  });
});
