import { equalJson } from '../machinery/index.ts';

/** Whether two statuses say the same: servers may keep a count of zero that another leaves out. */
export function isSameStatus(a: object | undefined, b: object): boolean {
  return a !== undefined && equalJson(withoutZeros(a), withoutZeros(b));
}

function withoutZeros(status: object): object {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0 && value !== undefined));
}
