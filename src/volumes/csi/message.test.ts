import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { controller } from './calls.ts';
import { decodeMessage, encodeMessage, type Shape } from './message.ts';

test('a request is what another implementation reads', () => {
  const bytes = encodeMessage(controller.createVolume.request, {
    name: 'pvc-1',
    capacityRange: { requiredBytes: 2 ** 40 },
    volumeCapabilities: [{ mount: { fsType: 'ext4', mountFlags: ['a', ''] }, accessMode: { mode: 1 } }],
    parameters: { type: 'fast' },
    secrets: {},
  });
  const fields: [number, WireType, unknown][] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    fields.push([number, wire, Buffer.from(reader.bytes()).toString('latin1')]);
  }
  const message = (write: (writer: BinaryWriter) => void): string => {
    const writer = new BinaryWriter();
    write(writer);
    return Buffer.from(writer.finish()).toString('latin1');
  };
  expect(fields).toEqual([
    [1, WireType.LengthDelimited, 'pvc-1'],
    [2, WireType.LengthDelimited, message((w) => w.tag(1, WireType.Varint).int64(2 ** 40))],
    [
      3,
      WireType.LengthDelimited,
      message((w) => {
        w.tag(2, WireType.LengthDelimited).fork();
        w.tag(1, WireType.LengthDelimited).string('ext4');
        for (const flag of ['a', '']) w.tag(2, WireType.LengthDelimited).string(flag);
        w.join().tag(3, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(1).join();
      }),
    ],
    [
      4,
      WireType.LengthDelimited,
      message((w) => w.tag(1, WireType.LengthDelimited).string('type').tag(2, WireType.LengthDelimited).string('fast')),
    ],
  ]);
});

test('an answer of another implementation is read, with zero values and unknown fields', () => {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).fork();
  writer.tag(2, WireType.LengthDelimited).string('id');
  writer.tag(99, WireType.Varint).uint32(7);
  writer.join();
  expect(decodeMessage(controller.createVolume.response, writer.finish())).toEqual({
    volume: { capacityBytes: 0, volumeId: 'id', volumeContext: {}, accessibleTopology: [] },
  });
});

const shape: Shape = {
  text: [1, 'text'],
  texts: [2, 'text', 'repeated'],
  flag: [3, 'flag'],
  number: [4, 'number'],
  map: [5, 'map'],
  inner: [20, { number: [1, 'number'] }, 'repeated'],
};

test('what is written is read again', () => {
  const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const text = fc.string({ unit: 'grapheme' });
  fc.assert(
    fc.property(
      fc.record({
        ...{ text, number, flag: fc.boolean(), texts: fc.array(text) },
        map: fc.dictionary(text, text, { noNullPrototype: true }),
        inner: fc.array(fc.record({ number })),
      }),
      (message) => {
        expect(decodeMessage(shape, encodeMessage(shape, message))).toEqual(message);
      },
    ),
  );
});

test('bytes that are no message are refused, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        expect(decodeMessage(shape, bytes)).toBeTypeOf('object');
      } catch (error) {
        expect(error).toMatchObject({ reason: 'BadRequest' });
      }
    }),
  );
  expect(() => decodeMessage(shape, Buffer.from([0x0a, 0x7f]))).toThrow(/unexpected EOF/);
});
