// A small HTTP program without dependencies, for demonstrations: it greets with its version, keeps a list of videos in
// memory or in a folder (DB=fs), and can be kept busy with Fibonacci numbers.
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { join } from 'node:path';

const port = Number(process.env.PORT ?? 8080);
const version = process.env.VERSION ?? process.env.HOMEPORT_IMAGE_TAG ?? 'development';
const mostVideos = 10_000;

/** Videos as `{id, title}`: in memory, or as one JSON file a video in a folder that outlives the program. */
function openVideos() {
  if (process.env.DB !== 'fs') {
    const videos = new Map();
    return {
      add: async (video) => void videos.set(video.id, video),
      list: async () => [...videos.values()],
      count: async () => videos.size,
    };
  }
  const folder = process.env.DB_FOLDER ?? '/cache';
  const files = async () => (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  return {
    async add(video) {
      const path = join(folder, `${Buffer.from(video.id).toString('base64url')}.json`);
      await writeFile(`${path}.new`, JSON.stringify(video));
      await rename(`${path}.new`, path);
    },
    list: async () =>
      Promise.all((await files()).map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')))),
    count: async () => (await files()).length,
    prepare: () => mkdir(folder, { recursive: true }),
  };
}

const videos = openVideos();

/** The n-th Fibonacci number as text: exact, however large. */
function fibonacci(n) {
  let [a, b] = [0n, 1n];
  for (let i = 0; i < n; i++) [a, b] = [b, a + b];
  return a.toString();
}

async function postVideo(query) {
  const video = { id: query.get('id') ?? '', title: query.get('title') ?? '' };
  if (video.id === '' || video.title === '')
    return [400, { error: 'id and title are needed: /video?id=1&title=first' }];
  if (video.id.length > 100 || video.title.length > 1000) return [400, { error: 'id or title is too long' }];
  if ((await videos.count()) >= mostVideos) return [507, { error: `no more than ${mostVideos} videos are kept` }];
  await videos.add(video);
  return [201, video];
}

function getFibonacci(query) {
  const number = Number(query.get('number') ?? 'NaN');
  if (!Number.isInteger(number) || number < 0 || number > 10_000)
    return [400, { error: 'number must be a whole number from 0 to 10000' }];
  return [200, `${fibonacci(number)}\n`];
}

const routes = {
  'GET /': () => [200, `This is a silly demo, version ${version}, in ${hostname()}\n`],
  'GET /version': () => [200, { version }],
  'GET /videos': async () => [200, await videos.list()],
  'POST /video': postVideo,
  'GET /fibonacci': getFibonacci,
};

async function answer(request) {
  const url = new URL(request.url ?? '/', 'http://silly-demo');
  const route = routes[`${request.method === 'HEAD' ? 'GET' : request.method} ${url.pathname}`];
  return route ? route(url.searchParams) : [404, { error: `nothing is at ${request.method} ${url.pathname}` }];
}

const server = createServer(async (request, response) => {
  const began = performance.now();
  request.resume();
  const [code, body] = await answer(request).catch((error) => [500, { error: error.message }]);
  const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
  response.writeHead(code, {
    'content-type': typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(request.method === 'HEAD' ? undefined : text);
  // The address is quoted as JSON, so that a request cannot write lines of its own into the log.
  console.log(`${request.method} ${JSON.stringify(request.url)} ${code} ${(performance.now() - began).toFixed(1)} ms`);
});

await videos.prepare?.();
server.listen(port, () => console.log(`silly-demo ${version} listens on port ${port}`));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    console.log(`${signal}: finishing what is in flight, then leaving`);
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), 2000).unref();
  });
}
