// How long a test suite waits for its control plane, in a fresh Node process each time. The peer is what envtest starts:
// kube-apiserver with etcd, as measured in the numbers of bench/api-server.ts.
import { spawnSync } from 'node:child_process';
import { printTable } from './support/table.ts';

const runs = 5;

/** Prints a JSON object of milliseconds and megabytes. */
const program = `
const began = performance.now();
const { startControlPlane } = await import('homeport/envtest');
const imported = performance.now();
const first = await startControlPlane(OPTIONS);
const started = performance.now();
const megabytes = process.memoryUsage().rss / 2 ** 20;
const second = await startControlPlane(OPTIONS);
const again = performance.now();
await Promise.all([first.stop(), second.stop()]);
const stopped = performance.now();
console.log(JSON.stringify({ load: imported - began, first: started - imported, second: again - started, stop: stopped - again, megabytes }));
`;

type Figures = Record<'load' | 'first' | 'second' | 'stop' | 'megabytes', number>;

function once(options: object): Figures {
  const source = program.replaceAll('OPTIONS', JSON.stringify(options));
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    cwd: new URL('..', import.meta.url),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Figures;
}

function median(figures: readonly Figures[], of: keyof Figures): string {
  const sorted = figures.map((each) => each[of]).sort((a, b) => a - b);
  return String(Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0));
}

const rows = (
  [
    ['bare', {}],
    ['garbage collection and namespaces', { controllers: ['garbage-collector', 'namespace-controller'] }],
    ['everything, and a node', { controllers: 'all', nodes: 1 }],
  ] as const
).map(([what, options]) => {
  once(options);
  const figures = Array.from({ length: runs }, () => once(options));
  return [
    what,
    `${median(figures, 'load')} ms`,
    `${median(figures, 'first')} ms`,
    `${median(figures, 'second')} ms`,
    `${median(figures, 'stop')} ms`,
    `${median(figures, 'megabytes')} MB`,
  ];
});
printTable([
  ['startControlPlane', 'import', 'first start', 'second', 'stop both', 'memory'],
  ...rows,
  ['kube-apiserver 1.20 + etcd 3.4', '', '3,000–4,300 ms', '', '', '355–383 MB'],
]);
