import { expect, it } from 'vitest';
import { humanDuration } from './index.ts';

it.each([
  [-2, '<invalid>'],
  [-1, '0s'],
  [119, '119s'],
  [120, '2m'],
  [310, '5m10s'],
  [179 * 60, '179m'],
  [3 * 3600 + 60, '3h1m'],
  [8 * 3600, '8h'],
  [50 * 3600, '2d2h'],
  [12 * 86_400, '12d'],
  [800 * 86_400, '2y70d'],
])('shows %i seconds as %s', (seconds, expected) => {
  expect(humanDuration(seconds * 1000)).toBe(expected);
});
