// The API server under load. `--peer` puts kube-apiserver with etcd under the same load in the same run (built once with
// `go`), PEER=KUBECONFIG another server. Without a peer the last column shows figures that were taken elsewhere.
import { loads } from './support/loads.ts';
import { residentMegabytes } from './support/process.ts';
import { printTable } from './support/table.ts';
import { startTargets, type Target } from './support/target.ts';

const IDLE_AFTER = 3000;
const memory = ({ pids }: Target): string => (pids.length === 0 ? '?' : `${Math.round(residentMegabytes(pids))} MB`);

const targets = await startTargets();
try {
  await new Promise((resolve) => setTimeout(resolve, IDLE_AFTER));
  const rows = [
    ['ready (process start to first answer)', ...targets.map(({ ready }) => (ready ? `${Math.round(ready)} ms` : '?'))],
    ['idle memory (Homeport: with every controller and the node)', ...targets.map(memory)],
  ];
  const elsewhere = ['3,000–4,300 ms', '486–516 MB with its controllers'];
  for (const { what, before, run } of loads) {
    const row = [what];
    for (const target of targets) row.push(await run(target));
    rows.push(row);
    elsewhere.push(before);
    console.error(row.join('  '));
  }
  rows.push(['memory after these loads', ...targets.map(memory)]);
  elsewhere.push('993 + 182 MB');
  const head = ['what', ...targets.map(({ name }) => name)];
  if (targets.length === 1) {
    head.push('kube-apiserver 1.20 + etcd 3.4, taken elsewhere');
    for (const [index, row] of rows.entries()) row.push(elsewhere[index] ?? '');
  }
  printTable([head, ...rows]);
} finally {
  for (const target of targets) await target.stop();
}
