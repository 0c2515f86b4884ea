// docs/autoscaling.md does what it says, command by command.
import { test } from 'vitest';
import { usePage } from './support/page.ts';

const walk = usePage('docs/autoscaling.md', 'simulated', / (get|top|tree|describe) /);

test('the walkthrough of docs/autoscaling.md', { timeout: 120_000 }, walk);
