// docs/volumes.md does what it says, command by command, where pods really run: the page is about what is in their files.
import { describe, test } from 'vitest';
import { chooseRuntime } from '../src/node/index.ts';
import { usePage } from './support/page.ts';

const { name: best } = await chooseRuntime('auto');

describe.runIf(best === 'linux')('docs/volumes.md', () => {
  const walk = usePage('docs/volumes.md', 'linux', /^kubectl (get|exec \S+ -- (cat|ls|stat)) /);

  test('the walkthrough', { timeout: 240_000 }, walk);
});
