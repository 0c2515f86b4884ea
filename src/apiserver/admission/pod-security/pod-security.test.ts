import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import { startTestServer, type TestServer } from '../../https.testing.ts';
import { readAdmissionConfiguration } from './configuration.ts';
import { detailOf, violationsOf } from './policy.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer((folder) => {
    const admissionControlConfigFile = join(folder, 'admission.yaml');
    writeFileSync(admissionControlConfigFile, exempting('exempt'));
    return { admissionControlConfigFile };
  });
});
afterAll(() => server.stop());

function exempting(namespace: string, level = 'privileged'): string {
  return `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: ${level}}
    exemptions: {usernames: [jane], namespaces: [${namespace}]}
`;
}

const container = (security?: Fields, more: Fields = {}): Fields => ({
  name: 'c',
  image: 'i',
  ...(security ? { securityContext: security } : {}),
  ...more,
});
const pod = (spec: Fields, annotations: Record<string, string> = {}) => ({
  metadata: { annotations },
  spec: { containers: [container()], ...spec },
});
const hardened: Fields = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

describe('what a pod violates', () => {
  // The sentences are a 1.34 kube-apiserver's.
  test.each<[string, ReturnType<typeof pod>, string]>([
    ['hostNamespaces', pod({ hostPID: true, hostNetwork: true }), 'host namespaces (hostNetwork=true, hostPID=true)'],
    [
      'privileged',
      pod({
        initContainers: [{ ...container({ privileged: true }), name: 'a' }],
        containers: [container({ privileged: true })],
      }),
      'privileged (containers "a", "c" must not set securityContext.privileged=true)',
    ],
    [
      'capabilities',
      pod({ containers: [container({ capabilities: { add: ['SYS_ADMIN', 'CHOWN', 'NET_RAW'] } })] }),
      'non-default capabilities (container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)',
    ],
    [
      'hostPath',
      pod({
        volumes: [
          { name: 'v', hostPath: { path: '/' } },
          { name: 'e', emptyDir: {} },
        ],
      }),
      'hostPath volumes (volume "v")',
    ],
    [
      'hostPorts',
      pod({
        containers: [container(undefined, { ports: [{ hostPort: 80 }, { hostPort: 443 }, { containerPort: 1 }] })],
      }),
      'hostPort (container "c" uses hostPorts 443, 80)',
    ],
    [
      'probe hosts',
      pod({ containers: [container(undefined, { livenessProbe: { httpGet: { host: '10.0.0.1' } } })] }),
      'probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1")',
    ],
    [
      'AppArmor',
      pod(
        { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
        { 'container.apparmor.security.beta.kubernetes.io/c': 'unconfined' },
      ),
      'forbidden AppArmor profiles (pod and annotation must not set AppArmor profile type to "Unconfined", ' +
        '"container.apparmor.security.beta.kubernetes.io/c="unconfined"")',
    ],
    [
      'procMount',
      pod({ containers: [container({ procMount: 'Unmasked' })] }),
      'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
    ],
    [
      'SELinux',
      pod({
        securityContext: { seLinuxOptions: { type: 'bad_t', user: 'u' } },
        containers: [container({ seLinuxOptions: { role: 'r' } })],
      }),
      'seLinuxOptions (pod and container "c" set forbidden securityContext.seLinuxOptions: type "bad_t"; ' +
        'user may not be set; role may not be set)',
    ],
    [
      'seccomp',
      pod({ securityContext: { seccompProfile: { type: 'Unconfined' } } }),
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      'sysctls',
      pod({ securityContext: { sysctls: [{ name: 'kernel.msgmax' }, { name: 'net.ipv4.tcp_rmem' }] } }),
      'forbidden sysctls (kernel.msgmax)',
    ],
    [
      'host processes',
      pod({ securityContext: { windowsOptions: { hostProcess: true } } }),
      'hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)',
    ],
  ])('baseline: %s', (_, bad, expected) => {
    expect(detailOf(violationsOf(bad, { level: 'baseline', version: 'latest' }))).toBe(expected);
    expect(violationsOf(bad, { level: 'privileged', version: 'latest' })).toEqual([]);
  });

  test.each<[string, ReturnType<typeof pod>, string]>([
    ['a hardened pod', pod({ containers: [container(hardened)] }), ''],
    [
      'an ordinary pod',
      pod({}),
      'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    ],
    [
      'a pod of root',
      pod({ securityContext: { runAsUser: 0, runAsNonRoot: false }, containers: [container(hardened)] }),
      'runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false), runAsUser=0 (pod must not set runAsUser=0)',
    ],
    [
      'a pod with a disk of another machine',
      pod({
        volumes: [
          { name: 'n', nfs: {} },
          { name: 'h', hostPath: {} },
        ],
        containers: [container(hardened)],
      }),
      'restricted volume types (volumes "n", "h" use restricted volume types "hostPath", "nfs")',
    ],
    [
      'a pod that adds what may be added',
      pod({
        containers: [container({ ...hardened, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'CHOWN'] } })],
      }),
      'unrestricted capabilities (container "c" must not include "CHOWN" in securityContext.capabilities.add)',
    ],
    [
      'a Windows pod',
      pod({ os: { name: 'windows' } }),
      'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)',
    ],
  ])('restricted: %s', (_, given, expected) => {
    expect(detailOf(violationsOf(given, { level: 'restricted', version: 'latest' }))).toBe(expected);
  });

  test('each version of Kubernetes had checks of its own', () => {
    const probe = pod({ containers: [container(undefined, { livenessProbe: { tcpSocket: { host: 'h' } } })] });
    expect(violationsOf(probe, { level: 'baseline', version: 33 })).toEqual([]);
    expect(violationsOf(probe, { level: 'baseline', version: 99 })).toHaveLength(1);
    expect(violationsOf(pod({}), { level: 'restricted', version: 7 }).map(({ reason }) => reason)).toEqual([
      'runAsNonRoot != true',
    ]);
  });
});

async function namespace(name: string, labels: Record<string, string>) {
  const prefixed = Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]),
  );
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: prefixed } };
  const answer = await server.send('POST', '/api/v1/namespaces', { body });
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await server.send('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { body: account });
  return answer;
}

const bad = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { hostPID: true, containers: [{ name: 'c', image: 'i' }] },
});
const COMPLAINT = 'violate PodSecurity "baseline:v1.34": host namespaces (hostPID=true)';

describe('over the wire', () => {
  test('a pod is refused or warned of, a template only warned of', async () => {
    await namespace('strict', { enforce: 'baseline', 'enforce-version': 'v1.34' });
    const refused = await server.send('POST', '/api/v1/namespaces/strict/pods', { body: bad('p') });
    expect(refused.code).toBe(403);
    expect(refused.body.message).toBe(
      'pods "p" is forbidden: violates PodSecurity "baseline:v1.34": host namespaces (hostPID=true)',
    );
    const { spec } = bad('p');
    const template = { metadata: { labels: { a: 'b' } }, spec };
    const body = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd' },
      spec: { selector: { matchLabels: { a: 'b' } }, template },
    };
    const deployment = await server.send('POST', '/apis/apps/v1/namespaces/strict/deployments', { body });
    expect([deployment.code, deployment.warnings]).toEqual([201, [`would ${COMPLAINT}`]]);
  });

  test('whoever makes a namespace stricter hears of the pods in it', async () => {
    await namespace('loose', { warn: 'baseline', 'warn-version': 'v1.34' });
    for (const name of ['b', 'a']) {
      const made = await server.send('POST', '/api/v1/namespaces/loose/pods', { body: bad(name) });
      expect([made.code, made.warnings]).toEqual([201, [`would ${COMPLAINT}`]]);
    }
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    const patch = (value: Record<string, string>) =>
      server.send('PATCH', '/api/v1/namespaces/loose', {
        body: { metadata: { labels: value } },
        headers: { 'content-type': 'application/merge-patch+json' },
      });
    expect((await patch(labels)).warnings).toEqual([
      'existing pods in namespace "loose" violate the new PodSecurity enforce level "restricted:latest"',
      'a (and 1 other pod): host namespaces, allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile',
    ]);
    const wrong = await patch({
      'pod-security.kubernetes.io/audit': 'lax',
      'pod-security.kubernetes.io/warn-version': '1',
    });
    expect(wrong.code).toBe(422);
    expect(wrong.body.message).toBe(
      'Namespace "loose" is invalid: [metadata.labels[pod-security.kubernetes.io/audit]: Invalid value: "lax": must be one of privileged, baseline, restricted, ' +
        'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1": must be "latest" or "v1.x"]',
    );
  });

  test('who is exempt may do anything, and is told that labels do not count', async () => {
    const made = await namespace('exempt', { enforce: 'restricted' });
    expect(made.warnings).toEqual([
      'namespace "exempt" is exempt from Pod Security, and the policy (enforce=restricted:latest) will be ignored',
    ]);
    expect((await server.send('POST', '/api/v1/namespaces/exempt/pods', { body: bad('p') })).code).toBe(201);
    const jane = { 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' };
    const asJane = await server.send('POST', '/api/v1/namespaces/strict/pods', { body: bad('hers'), headers: jane });
    expect(asJane.code).toBe(201);
  });
});

test.each([
  [exempting('UPPER'), /exemptions\.namespaces\[0\]: Invalid value: "UPPER": a lowercase RFC 1123 label/],
  [exempting('a', 'lax'), /defaults\.enforce: Invalid value: "lax": must be one of privileged, baseline, restricted/],
  [exempting('a').replace('exemptions', 'exceptions'), /strict decoding error: unknown field "exceptions"/],
  [exempting('a').replace('name: PodSecurity', 'name: Other'), /"Other" takes no configuration here/],
  ['kind: Pod', /must be of kind AdmissionConfiguration and apiVersion apiserver\.config\.k8s\.io\/v1/],
])('a wrong configuration is refused: %#', (text, message) => {
  const file = join(server.folder, 'wrong.yaml');
  writeFileSync(file, text);
  expect(() => readAdmissionConfiguration(file)).toThrow(message);
});
