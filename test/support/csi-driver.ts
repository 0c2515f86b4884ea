// A small CSI driver that speaks real gRPC at a socket: its volumes are folders, bound to where they are wanted.
// `node csi-driver.ts SOCKET FOLDER` runs it as a process of its own; it prints each call that it gets.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { dirname, join } from 'node:path';
import { controller, identity, node } from '../../src/volumes/csi/calls.ts';
import { decodeMessage, encodeMessage } from '../../src/volumes/csi/message.ts';

type Message = Record<string, unknown>;

/** A call refused, with the number of its gRPC code. */
class Refusal extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export const driverName = 'test.csi.homeport.dev';
const [invalid, notFound, outOfRange] = [3, 5, 11];

/** What the driver keeps, in a file so that it survives the driver. */
interface State {
  volumes: Record<string, { name: string; size: number }>;
  snapshots: Record<string, { name: string; size: number; seconds: number }>;
}

export function startCsiDriver(
  socket: string,
  folder: string,
  said: (call: string, request: Message) => void,
): Http2Server {
  mkdirSync(folder, { recursive: true });
  const server = createServer();
  const answers = answersOf(folder);
  server.on('stream', (stream, headers) => {
    const path = String(headers[':path']);
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const found = answers.find(([call]) => call.path === path);
      if (!found) return reply(stream, 12, `unknown method ${path}`);
      const [call, answer] = found;
      const request = decodeMessage(call.request, Buffer.concat(chunks).subarray(5));
      said(path.slice(path.lastIndexOf('/') + 1), request);
      try {
        const message = encodeMessage(call.response, answer(request) ?? {});
        const prefix = Buffer.alloc(5);
        prefix.writeUInt32BE(message.length, 1);
        reply(stream, 0, '', Buffer.concat([prefix, message]));
      } catch (error) {
        reply(
          stream,
          error instanceof Refusal ? error.code : 13,
          error instanceof Error ? error.message : String(error),
        );
      }
    });
  });
  server.listen(socket);
  return server;
}

function reply(stream: ServerHttp2Stream, code: number, message: string, body?: Buffer): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () =>
    stream.sendTrailers({ 'grpc-status': String(code), 'grpc-message': encodeURIComponent(message) }),
  );
  stream.end(body);
}

type Answer = readonly [(typeof identity)['probe'], (request: Message) => Message | undefined];

function answersOf(folder: string): Answer[] {
  const file = join(folder, 'state.json');
  const load = (): State =>
    existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as State) : { volumes: {}, snapshots: {} };
  const save = (state: State) => writeFileSync(file, JSON.stringify(state));
  const place = (kind: 'volumes' | 'snapshots', id: unknown) => join(folder, kind, String(id));
  const types = (...numbers: number[]) => ({ capabilities: numbers.map((type) => ({ rpc: { type } })) });

  function volumeOf(state: State, id: unknown) {
    const volume = state.volumes[String(id)];
    if (!volume) throw new Refusal(notFound, `there is no volume ${id}`);
    return volume;
  }

  function createVolume(request: Message): Message {
    const state = load();
    const { capacityRange, name, parameters, secrets, volumeContentSource } = request;
    const size = Number((capacityRange as Message)['requiredBytes']);
    if ((parameters as Message)['full'] === 'yes') throw new Refusal(outOfRange, 'there is no room left');
    if ((parameters as Message)['secret'] && !(secrets as Message)['password'])
      throw new Refusal(invalid, 'a password is needed');
    const id = `id-${name}`;
    if (!state.volumes[id]) {
      mkdirSync(place('volumes', id), { recursive: true, mode: 0o777 });
      const source = (volumeContentSource ?? {}) as { snapshot?: Message; volume?: Message };
      const from = source.snapshot
        ? place('snapshots', source.snapshot['snapshotId'])
        : source.volume && place('volumes', source.volume['volumeId']);
      if (from) cpSync(from, place('volumes', id), { recursive: true });
      state.volumes[id] = { name: String(name), size };
      save(state);
    }
    const volume = { volumeId: id, capacityBytes: state.volumes[id]?.size ?? 0, volumeContext: { made: 'by-test' } };
    return { volume: { ...volume, accessibleTopology: [{ segments: { 'test.csi/zone': 'z1' } }] } };
  }

  function createSnapshot({ name, sourceVolumeId }: Message): Message {
    const state = load();
    const { size } = volumeOf(state, sourceVolumeId);
    const id = `snap-${name}`;
    if (!state.snapshots[id]) {
      cpSync(place('volumes', sourceVolumeId), place('snapshots', id), { recursive: true });
      state.snapshots[id] = { name: String(name), size, seconds: Math.floor(Date.now() / 1000) };
      save(state);
    }
    const { seconds = 0 } = state.snapshots[id] ?? {};
    return { snapshot: { sizeBytes: size, snapshotId: id, creationTime: { seconds, nanos: 0 }, readyToUse: true } };
  }

  function remove(kind: 'volumes' | 'snapshots', id: unknown): undefined {
    const state = load();
    delete state[kind][String(id)];
    save(state);
    rmSync(place(kind, id), { recursive: true, force: true });
  }

  const mounted = (path: unknown) => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${path} `);
  const bind = (from: string, to: unknown, readOnly: boolean): undefined => {
    mkdirSync(String(to), { recursive: true });
    if (mounted(to)) return;
    execFileSync('mount', ['--bind', from, String(to)]);
    if (readOnly) execFileSync('mount', ['-o', 'remount,bind,ro', String(to)]);
  };
  const unbind = (path: unknown): undefined => {
    if (mounted(path)) execFileSync('umount', [String(path)]);
    if (existsSync(String(path))) rmdirSync(String(path));
  };

  return [
    [identity.getInfo, () => ({ name: driverName, vendorVersion: '1' })],
    [identity.getAbilities, () => ({ capabilities: [{ service: { type: 1 } }, { service: { type: 2 } }] })],
    [identity.probe, () => ({ ready: { value: true } })],
    [controller.getAbilities, () => types(1, 2, 5, 6, 7, 9)],
    [controller.createVolume, createVolume],
    [controller.deleteVolume, ({ volumeId }) => remove('volumes', volumeId)],
    [
      controller.publish,
      ({ volumeId }) => {
        volumeOf(load(), volumeId);
        return { publishContext: { device: '/dev/pretended' } };
      },
    ],
    [controller.unpublish, () => undefined],
    [controller.createSnapshot, createSnapshot],
    [controller.deleteSnapshot, ({ snapshotId }) => remove('snapshots', snapshotId)],
    [
      controller.listSnapshots,
      ({ snapshotId }) => {
        const found = load().snapshots[String(snapshotId)];
        const { seconds = 0, size = 0 } = found ?? {};
        const snapshot = { sizeBytes: size, snapshotId, creationTime: { seconds, nanos: 0 }, readyToUse: true };
        return { entries: found ? [{ snapshot }] : [] };
      },
    ],
    [
      controller.expand,
      ({ capacityRange, volumeId }) => {
        const state = load();
        const size = Number((capacityRange as Message)['requiredBytes']);
        volumeOf(state, volumeId).size = size;
        save(state);
        return { capacityBytes: size, nodeExpansionRequired: true };
      },
    ],
    [node.getAbilities, () => types(1, 3)],
    [
      node.getInfo,
      () => ({
        nodeId: 'node-of-test',
        maxVolumesPerNode: 7,
        accessibleTopology: { segments: { 'test.csi/zone': 'z1' } },
      }),
    ],
    [node.stage, ({ stagingTargetPath, volumeId }) => bind(place('volumes', volumeId), stagingTargetPath, false)],
    [node.unstage, ({ stagingTargetPath }) => unbind(stagingTargetPath)],
    [
      node.publish,
      ({ readonly, stagingTargetPath, targetPath, volumeId }) => {
        if (!existsSync(dirname(String(targetPath)))) throw new Refusal(invalid, 'the folder of the target is missing');
        // An inline volume has not been made before, and is not staged.
        if (!stagingTargetPath) mkdirSync(place('volumes', volumeId), { recursive: true });
        return bind(String(stagingTargetPath || place('volumes', volumeId)), targetPath, readonly === true);
      },
    ],
    [node.unpublish, ({ targetPath }) => unbind(targetPath)],
    [node.expand, ({ capacityRange }) => ({ capacityBytes: (capacityRange as Message)['requiredBytes'] })],
  ];
}

const [, script, socket, folder] = process.argv;
if (script?.endsWith('csi-driver.ts') && socket && folder) {
  startCsiDriver(socket, folder, (call, request) => console.log(`${call} ${JSON.stringify(request)}`));
}
