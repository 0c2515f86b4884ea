import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fields, KubeObject, Status } from '../../../machinery/index.ts';
import { type Answer, startTestServer, type TestServer } from '../../https.testing.ts';
import { type Case, changed, readCases } from '../cases.testing.ts';
import { isGiven } from '../checks.ts';

/** What a Service is given lies beside its strategy: its cases go through the server. */
const { cases, bases } = readCases('service');
const base = bases.get('v1 Service') as KubeObject;
const SERVICES = '/api/v1/namespaces/default/services';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ serviceClusterIpRange: '10.96.0.0/16' });
});
afterAll(() => server.stop());

/** Addresses and ports that clients choose in these cases; others are the server's choice. */
const isChosen = (text: string): boolean => /^10\.96\.(0\.\d+|255\.255)$|^300[01]\d$/.test(text);

/** Values with what the server chose by the order in which it comes: '<address 1>', '<port 2>'. */
function namer(): <T>(value: T) => T {
  const names = new Map<string, string>();
  const counts = { address: 0, port: 0 };
  const nameOf = (text: string): string => {
    if (isChosen(text)) return text;
    const noun = text.includes('.') ? 'address' : 'port';
    if (!names.has(text)) names.set(text, `<${noun} ${++counts[noun]}>`);
    return names.get(text) ?? text;
  };
  const named = (value: unknown, key: string): unknown => {
    if (typeof value === 'number') return /nodePort$/i.test(key) && value >= 30_020 ? nameOf(String(value)) : value;
    return typeof value === 'string' ? value.replace(/10\.96\.\d+\.\d+|\b3[0-2]\d{3}\b/g, nameOf) : value;
  };
  return (value) =>
    value === undefined ? value : JSON.parse(JSON.stringify(value, (key, inner: unknown) => named(inner, key)));
}

/** The last answer to a case, of which the first was told to `seen`. */
async function answerTo({ do: what, start = {}, changes }: Case, seen: (answer: Answer) => void): Promise<Answer> {
  const startOf = (part: string): Fields =>
    Object.fromEntries(Object.entries(start).filter(([path]) => path.startsWith(part)));
  const first = what === 'create' ? changed(base, changes) : changed(base, startOf('spec'));
  const { name } = first.metadata;
  let answer = await server.send('POST', SERVICES, { body: first });
  if (what !== 'create') {
    seen(answer);
    const put = (path: string, values: Fields | undefined): Promise<Answer> =>
      server.send('PUT', `${SERVICES}/${path}`, { body: changed(answer.body as unknown as KubeObject, values) });
    if (isGiven(startOf('status'))) answer = await put(`${name}/status`, startOf('status'));
    answer = await put(what === 'status' ? `${name}/status` : name, changes);
  }
  await server.send('DELETE', `${SERVICES}/${name}`);
  return answer;
}

function errorsOf({ code, body }: Answer): string[] | undefined {
  if (code === 422)
    return (body as unknown as Status).details?.causes?.map(({ field, message }) => `${field}: ${message}`);
  return code < 300 ? undefined : [String(body.message)];
}

/** Each case is one answer of a kube-apiserver 1.34. */
describe('Services', () => {
  it.each(
    cases.map((one) => [`${one.do} ${JSON.stringify(one.start ?? {})} ${JSON.stringify(one.changes)}`, one] as const),
  )('%s', async (_, one) => {
    const named = namer();
    const answer = await answerTo(one, ({ body }) => named(body['spec']));
    const { spec, status } = answer.body;
    expect(named(errorsOf(answer))).toEqual(one.errors);
    if (!one.errors) expect(named(spec)).toEqual(one.object?.spec);
    if (!one.errors) expect(named(status)).toMatchObject(one.object?.status ?? {});
    expect(answer.warnings).toEqual(one.warnings ?? []);
  });
});
