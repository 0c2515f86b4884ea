import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../status.ts';
import { decodeProtobuf } from './decode-protobuf.ts';
import { envelope, field } from './encode-protobuf.testing.ts';
import { encodeProtobuf } from './encode-protobuf.ts';
import facts from './facts.json' with { type: 'json' };
import { type FieldFacts, fieldsOf, type TypeRef } from './facts.ts';

const bytesOf = (base64: string): Uint8Array => Buffer.from(base64, 'base64');

/** What kubectl 1.34 sent for `create deployment web --image=nginx:1 --replicas=0 --port=80`. */
const DEPLOYMENT =
  'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EroBCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEogBCAASDAoKCgNhcHASA3dlYhpuChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEk4SMAoFbmdpbngSB25naW54OjEqADIKCgAQABhQIgAqAEIAagByAIABAIgBAJABAKIBABoAMgBCAEoAUgBYAGAAaACCAQCKAQCaAQDCAQAiAgoAKAA4ABoMCAAQABgAIAAoADgAGgAiAA==';

describe('decodeProtobuf', () => {
  it('reads what kubectl create deployment sends', () => {
    expect(decodeProtobuf(bytesOf(DEPLOYMENT))).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels: { app: 'web' } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'nginx', image: 'nginx:1', ports: [{ containerPort: 80 }], resources: {} }] },
        },
        strategy: {},
      },
      status: {},
    });
  });

  it('reads what kubectl create service, secret and ingress and kubectl auth can-i send', () => {
    const service =
      'azhzAAoNCgJ2MRIHU2VydmljZRJjChsKAXMSABoAIgAqADIAOABCAFoICgNhcHASAXMSQAobCgc4MC04MDgwEgNUQ1AYUCIHCAAQkD8aACgAEggKA2FwcBIBcxoAIglDbHVzdGVySVA6AEIAUgBaAGAAaAAaAgoAGgAiAA==';
    expect(decodeProtobuf(bytesOf(service))).toMatchObject({
      spec: { ports: [{ name: '80-8080', protocol: 'TCP', port: 80, targetPort: 8080 }], type: 'ClusterIP' },
    });
    const secret = 'azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAWESAWIaABoAIgA=';
    expect(decodeProtobuf(bytesOf(secret))).toMatchObject({ data: { a: 'Yg==' } });
    const ingress =
      'azhzAAofChRuZXR3b3JraW5nLms4cy5pby92MRIHSW5ncmVzcxI/ChEKAWkSABoAIgAqADIAOABCABImGiQKAWgSHwodChsKAi94Eg0iCwoDc3ZjEgQKABBQGgZQcmVmaXgaAgoAGgAiAA==';
    expect(decodeProtobuf(bytesOf(ingress))).toMatchObject({
      spec: { rules: [{ host: 'h', http: { paths: [{ path: '/x', pathType: 'Prefix' }] } }] },
    });
    const review =
      'azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSPAoQCgASABoAIgAqADIAOABCABIeChwKB2RlZmF1bHQSA2dldBoAIgAqBHBvZHMyADoAGggIABIAGgAgABoAIgA=';
    expect(decodeProtobuf(bytesOf(review))).toMatchObject({
      spec: { resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } },
    });
  });

  it('takes a zero target port, which Go clients send for none, as absent', () => {
    const service = { spec: { ports: [{ port: 80, targetPort: 0 }] } };
    const bytes = encodeProtobuf({ apiVersion: 'v1', kind: 'Service', ...service }, 'core.v1.Service');
    expect(decodeProtobuf(bytes)).toMatchObject({ spec: { ports: [{ port: 80 }] } });
    expect(JSON.stringify(decodeProtobuf(bytes))).not.toContain('targetPort');
  });

  it('takes DeleteOptions of any group', () => {
    const options = field(1, 0, [5]);
    expect(decodeProtobuf(envelope('apps/v1', 'DeleteOptions', options))).toEqual({
      apiVersion: 'apps/v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 5,
    });
  });

  it('reads times, also before 1970, and microseconds', () => {
    const meta = { name: 'l', creationTimestamp: '1969-12-31T23:59:59Z' };
    const lease = { metadata: meta, spec: { renewTime: '2026-01-02T03:04:05.000678Z' } };
    const bytes = encodeProtobuf(
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...lease },
      'coordination.v1.Lease',
    );
    expect(decodeProtobuf(bytes)).toMatchObject(lease);
  });

  it('skips fields that it does not know, and takes packed numbers', () => {
    // LinuxContainerUser.supplementalGroups (3) as packed varints, and field 99.
    const user = [...field(3, 2, [1, 2, 0xac, 0x02]), ...field(99, 2, [1, 2, 3])];
    const status = field(8, 2, field(13, 2, field(1, 2, user)));
    const pod = decodeProtobuf(envelope('v1', 'Pod', field(3, 2, status)));
    expect(pod).toMatchObject({
      status: { containerStatuses: [{ user: { linux: { supplementalGroups: [1, 2, 300] } } }] },
    });
  });

  it('gives back what was encoded, for every type of every kind', () => {
    for (const [gvk, type] of Object.entries(facts.kinds)) {
      const [apiVersion = '', kind = ''] = gvk.split(' ');
      fc.assert(
        fc.property(objectOf(type, 4), (object) => {
          const whole = { ...object, apiVersion, kind };
          expect(decodeProtobuf(encodeProtobuf(whole, type))).toEqual(whole);
        }),
        { numRuns: 5 },
      );
    }
  });

  it('keeps keys like __proto__ as data', () => {
    const entry = [...field(1, 2, [...Buffer.from('__proto__')]), ...field(2, 2, [...Buffer.from('x')])];
    const map = decodeProtobuf(envelope('v1', 'ConfigMap', field(2, 2, entry)))['data'] as object;
    expect(Object.entries(map)).toEqual([['__proto__', 'x']]);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('decodeProtobuf of hostile bytes', () => {
  const outcome = (bytes: Uint8Array): unknown => {
    try {
      return decodeProtobuf(bytes);
    } catch (error) {
      if (error instanceof ApiError && error.code === 400) return error;
      throw error;
    }
  };

  it('only ever answers 400', () => {
    const kinds = Object.keys(facts.kinds).map((gvk) => gvk.split(' '));
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.uint8Array({ maxLength: 200 }), ([apiVersion, kind], bytes) => {
        outcome(envelope(apiVersion ?? '', kind ?? '', [...bytes]));
      }),
      { numRuns: 2000 },
    );
  });

  it('survives any cut and any changed byte of a good message', () => {
    const good = bytesOf(DEPLOYMENT);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const bad = Uint8Array.from(good);
        bad[at] = byte;
        outcome(cut ? bad.subarray(0, at) : bad);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses nesting without end', () => {
    let schema: number[] = [];
    for (let depth = 0; depth < 500; depth++) schema = field(28, 2, schema);
    const bytes = envelope('apiextensions.k8s.io/v1', 'CustomResourceDefinition', customResource(schema));
    expect(() => decodeProtobuf(bytes)).toThrow('nested more than');
  });

  it.each([
    ['no magic', new Uint8Array([1, 2, 3, 4, 5]), 'does not start with'],
    ['nothing', new Uint8Array(), 'does not start with'],
    ['no kind', envelope('', '', []), 'no kind ""'],
    ['an unknown kind', envelope('apps/v1', 'Nonsense', []), 'no kind "Nonsense" is registered for version "apps/v1"'],
    ['a length beyond the end', envelope('v1', 'Pod', [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]), 'unexpected EOF'],
    ['a wrong wire type', envelope('v1', 'Pod', [0x08, 0x01]), 'metadata has wire type 0, not 2'],
    [
      'an integer that JSON cannot hold',
      envelope('v1', 'DeleteOptions', field(1, 0, [...Array(8).fill(0xff), 0x7f])),
      '2^53',
    ],
    [
      'a time beyond year 9999',
      envelope('v1', 'Pod', field(1, 2, field(8, 2, field(1, 0, [...Array(6).fill(0xff), 0x7f])))),
      'a time of',
    ],
    ['broken raw JSON', envelope('apps/v1', 'ControllerRevision', field(2, 2, field(1, 2, [0x7b]))), 'embedded JSON'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeProtobuf(bytes)).toThrow(message);
    expect(outcome(bytes)).toBeInstanceOf(ApiError);
  });
});

/** A CustomResourceDefinition with one version whose schema has these bytes. */
function customResource(schema: number[]): number[] {
  const version = field(4, 2, field(1, 2, schema));
  return field(2, 2, field(7, 2, version));
}

/** Objects of a type as decodeProtobuf gives them back: no zero values that omitempty drops. */
function objectOf(type: string, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const fields = (fieldsOf(type) ?? []).filter((one) => one.path.length > 0 && (depth > 0 || isPlain(one.type)));
  const values = fields.map((one): [string, fc.Arbitrary<unknown>] => [one.name, fieldValue(one, depth)]);
  return fc.record(Object.fromEntries(values), { requiredKeys: [] });
}

function isPlain(type: TypeRef): boolean {
  if (type.of === 'list' || type.of === 'map') return isPlain(type.items);
  return type.of === 'scalar';
}

function fieldValue({ type, pointer }: FieldFacts, depth: number): fc.Arbitrary<unknown> {
  if (type.of === 'list') return fc.array(itemOf(type.items, depth), { minLength: 1, maxLength: 2 });
  if (type.of !== 'map') return itemOf(type, depth, pointer);
  return fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), itemOf(type.items, depth), {
    minKeys: 1,
    maxKeys: 2,
  });
}

const TIME = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
const JSON_OBJECT = fc.dictionary(fc.string({ maxLength: 3 }), fc.oneof(fc.integer(), fc.string(), fc.boolean()), {
  minKeys: 1,
  maxKeys: 2,
  noNullPrototype: true,
});
const SPECIAL: Record<string, fc.Arbitrary<unknown>> = {
  'meta.v1.Time': TIME.map((date) => `${date.toISOString().slice(0, 19)}Z`),
  'meta.v1.MicroTime': TIME.map((date) => `${date.toISOString().slice(0, 23)}000Z`),
  'api.resource.Quantity': fc.constantFrom('1', '250m', '64Mi'),
  'util.intstr.IntOrString': fc.oneof(fc.integer({ min: 1 }), fc.integer({ max: -1 }), fc.string({ minLength: 1 })),
  'meta.v1.FieldsV1': JSON_OBJECT,
  'runtime.RawExtension': JSON_OBJECT,
  'apiextensions.v1.JSON': fc.oneof(JSON_OBJECT, fc.integer(), fc.string(), fc.boolean()),
  'apiextensions.v1.JSONSchemaPropsOrArray': fc.constantFrom([{ type: 'string' }], { type: 'object' }),
  'apiextensions.v1.JSONSchemaPropsOrBool': fc.constantFrom<unknown>(true, false, { type: 'object' }),
  'apiextensions.v1.JSONSchemaPropsOrStringArray': fc.constantFrom<unknown>(['a', 'b'], { type: 'object' }),
};

function itemOf(type: TypeRef, depth: number, zero = false): fc.Arbitrary<unknown> {
  if (type.of === 'list' || type.of === 'map') return fc.array(itemOf(type.items, depth), { minLength: 1 });
  if (type.of === 'type') return SPECIAL[type.name] ?? objectOf(type.name, depth - 1);
  switch (type.scalar) {
    case 'string':
      return fc.string({ minLength: zero ? 0 : 1, maxLength: 8 });
    case 'bytes':
      return fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('base64'));
    case 'bool':
      return zero ? fc.boolean() : fc.constant(true);
    case 'int32':
      return fc.integer().filter((value) => zero || value !== 0);
    case 'int64':
      return fc.maxSafeInteger().filter((value) => zero || value !== 0);
    default:
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 1 : value));
  }
}
