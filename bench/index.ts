// Runs the benchmarks named on the command line, or all of them, one after another: npm run bench -- api-server
import { readdirSync } from 'node:fs';

const all = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'index.ts')
  .map((file) => file.replace('.ts', ''));
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = asked.find((name) => !all.includes(name));
if (unknown) {
  console.error(`there is no benchmark "${unknown}"; there are ${all.join(', ')}`);
  process.exit(1);
}
for (const name of asked.length > 0 ? asked : all) {
  console.log(`\n${name}`);
  await import(`./${name}.ts`);
}
