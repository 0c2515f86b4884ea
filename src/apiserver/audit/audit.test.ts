import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fields } from '../../machinery/index.ts';
import type { RequestInfo } from '../contracts.ts';
import { startTestServer, type TestServer } from '../https.testing.ts';
import { requestInfo } from '../rest/request-info.ts';
import { openAudit } from './audit.ts';
import { openLogFile } from './log-file.ts';
import { DEFAULT_POLICY, readAuditPolicy } from './policy.ts';

const POLICY = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, nonResourceURLs: ['/readyz*']}
- {level: Metadata, resources: [{group: '', resources: [secrets]}]}
- {level: RequestResponse, omitManagedFields: true, resources: [{group: '', resources: [configmaps]}]}
- {level: Request, verbs: [create], omitStages: []}
- {level: Metadata, users: [jane]}
`;

interface Event extends Fields {
  auditID: string;
  stage: string;
}

let server: TestServer;
let log: string;
beforeAll(async () => {
  server = await startTestServer((folder) => {
    log = join(folder, 'audit.log');
    const auditPolicyFile = join(folder, 'policy.yaml');
    writeFileSync(auditPolicyFile, POLICY);
    return { auditLogPath: log, auditPolicyFile };
  });
});
afterAll(() => server.stop());

const silent = { info() {}, warn() {}, error() {} };

function logged(): Event[] {
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Event);
}

/** The events of one request, when the last of them is written. */
async function eventsOf(id: unknown, last = 'ResponseComplete'): Promise<Event[]> {
  return await expect
    .poll(() => logged().filter(({ auditID }) => auditID === id))
    .toSatisfy((events: Event[]) => events.some(({ stage }) => stage === last))
    .then(() => logged().filter(({ auditID }) => auditID === id));
}

const maps = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: 'b' } });

describe('events', () => {
  test('tell who did what, with what came in and went out', async () => {
    const headers = { 'user-agent': 'a test', 'x-forwarded-for': '192.0.2.1' };
    const { headers: answered } = await server.send('POST', maps, { body: configMap('one'), headers });
    const [event, ...more] = await eventsOf(answered['audit-id']);
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'RequestResponse',
      stage: 'ResponseComplete',
      requestURI: maps,
      verb: 'create',
      user: { username: 'admin', uid: 'admin-uid', groups: ['system:masters', 'system:authenticated'] },
      sourceIPs: ['192.0.2.1', '127.0.0.1'],
      userAgent: 'a test',
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'one', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 201 },
      requestObject: configMap('one'),
      responseObject: { data: { a: 'b' }, metadata: { name: 'one', resourceVersion: expect.any(String) } },
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    });
    expect(event?.['responseObject']).not.toHaveProperty('metadata.managedFields');
    expect(event?.['requestReceivedTimestamp']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(statSync(log).mode & 0o777).toBe(0o600);
  });

  test('tell whom somebody acts as, and why that was refused', async () => {
    const headers = { 'impersonate-user': 'bob', 'audit-id': 'of-another-server' };
    const answer = await server.send('POST', '/api/v1/namespaces/default/pods', { body: {}, headers });
    expect([answer.code, answer.headers['audit-id']]).toEqual([403, 'of-another-server']);
    const events = await eventsOf('of-another-server');
    expect(events.map(({ stage }) => stage)).toEqual(['ResponseComplete']);
    expect(events[0]).toMatchObject({
      level: 'Request',
      user: { username: 'admin' },
      impersonatedUser: { username: 'bob', groups: ['system:authenticated'] },
      responseStatus: { status: 'Failure', reason: 'Forbidden', code: 403, message: answer.body.message },
      annotations: { 'authorization.k8s.io/decision': 'forbid', 'authorization.k8s.io/reason': '' },
    });
    expect(events[0]).not.toHaveProperty('requestObject');
  });

  test('say nothing that is confidential', async () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { key: 'canary-value' } };
    const path = '/api/v1/namespaces/default/secrets';
    const made = await server.send('POST', path, { body: secret });
    const [event] = await eventsOf(made.headers['audit-id']);
    expect(event).toMatchObject({ level: 'Metadata', objectRef: { resource: 'secrets', name: 's' } });
    const stranger = await server.send('GET', path, { token: 'canary-token' });
    expect(stranger.code).toBe(401);
    const [attempt] = await eventsOf(stranger.headers['audit-id'], 'ResponseStarted').catch(() => []);
    expect(attempt?.['responseStatus']).toMatchObject({
      code: 401,
      message: 'Authentication failed, attempted: bearer',
    });
    expect(readFileSync(log, 'utf8')).not.toMatch(/canary|Y2FuYXJ5/);
  });

  test('have the stages that the policy asks for, and there are none without a rule', async () => {
    const watch = await server.send('GET', `${maps}?watch=true&timeoutSeconds=1`);
    const stages = (await eventsOf(watch.headers['audit-id'])).map(({ stage }) => stage);
    expect(stages).toEqual(['ResponseStarted', 'ResponseComplete']);
    const quiet = [
      await server.send('GET', '/api/v1/namespaces/default/services'),
      await server.send('GET', '/readyz', { token: 'jane-token' }),
    ];
    const told = await server.send('GET', '/apis', { token: 'jane-token' });
    expect((await eventsOf(told.headers['audit-id']))[0]).toMatchObject({ level: 'Metadata', verb: 'get' });
    const ids = logged().map(({ auditID }) => auditID);
    for (const { headers } of quiet) expect(ids).not.toContain(headers['audit-id']);
  });
});

describe('policies', () => {
  const level = (method: string, path: string): string => {
    const [plain = '', query] = path.split('?');
    const info: RequestInfo = requestInfo(method, plain, new URLSearchParams(query));
    return DEFAULT_POLICY({ username: 'ann', groups: [] }, info).level;
  };

  test('the default one logs changes, and no content that is confidential', () => {
    expect(level('GET', '/readyz')).toBe('None');
    expect(level('GET', '/api/v1/pods')).toBe('Metadata');
    expect(level('POST', '/api/v1/namespaces/a/pods')).toBe('Request');
    for (const path of ['secrets', 'configmaps/b', 'serviceaccounts/default/token']) {
      expect(level('POST', `/api/v1/namespaces/a/${path}`)).toBe('Metadata');
    }
    expect(level('POST', '/apis/authentication.k8s.io/v1/tokenreviews')).toBe('Metadata');
  });

  test.each([
    ['rules: []', 'loaded illegal policy with 0 rules'],
    ['rules: [{}]', 'rules[0].level: Required value'],
    [
      'rules: [{level: All}]',
      'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse"',
    ],
    ['rules: [{level: None, nonResourceURLs: [healthz]}]', "non-resource URL rules must begin with a '/' character"],
    [
      'rules: [{level: None, nonResourceURLs: [/a*b]}]',
      "non-resource URL wildcards '*' must be the final character of the rule",
    ],
    [
      'rules: [{level: None, nonResourceURLs: [/a], namespaces: [b]}]',
      'rules cannot apply to both regular resources and non-resource URLs',
    ],
    ['rules: [{level: None, resources: [{resourceNames: [a]}]}]', 'using resourceNames requires at least one resource'],
    [
      'rules: [{level: None}]\nomitStages: [Never]',
      'allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic',
    ],
    ['rules: [{level: None, user: [a]}]', 'strict decoding error: unknown field "rules[0].user"'],
  ])('a wrong one is refused: %s', (rules, message) => {
    const file = join(server.folder, 'wrong.yaml');
    writeFileSync(file, `apiVersion: audit.k8s.io/v1\nkind: Policy\n${rules}\n`);
    expect(() => readAuditPolicy(file)).toThrow(message);
  });

  test('one without a log is a mistake', async () => {
    await expect(openAudit({ auditPolicyFile: 'p' }, silent)).rejects.toThrow(/--audit-log-path/);
    expect(await openAudit({}, silent)).toBeUndefined();
  });
});

test('a log that grows too large is put aside, and only so many are kept', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'homeport-audit-'));
  const path = join(folder, 'audit.log');
  const file = await openLogFile({ path, maxSize: 1, maxAge: 0, maxBackup: 2, log: silent });
  for (let count = 0; count < 6; count++) {
    file.write(`${String(count).repeat(600 * 1024)}\n`);
    await expect.poll(() => readFileSync(path, 'latin1')[0]).toBe(String(count));
  }
  await file.close();
  const names = readdirSync(folder).sort();
  expect(names).toHaveLength(3);
  expect(names[0]).toMatch(/^audit-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log$/);
  rmSync(folder, { recursive: true });
});
