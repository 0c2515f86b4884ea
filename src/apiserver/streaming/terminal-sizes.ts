export interface TerminalSize {
  width: number;
  height: number;
}

/** Terminal sizes from one writer to one reader. Only the newest counts, so a slow reader costs nothing. */
export interface TerminalSizes extends AsyncIterable<TerminalSize> {
  /** Takes the JSON that clients send ({"Width":80,"Height":24}); anything else is ignored. */
  report(json: string): void;
  end(): void;
}

export function createTerminalSizes(): TerminalSizes {
  let newest: TerminalSize | undefined;
  let ended = false;
  let wake = (): void => undefined;
  return {
    report(json) {
      newest = parseSize(json) ?? newest;
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    async *[Symbol.asyncIterator]() {
      while (!ended || newest !== undefined) {
        if (newest === undefined) {
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          await promise;
        } else {
          const size = newest;
          newest = undefined;
          yield size;
        }
      }
    },
  };
}

const MAX_SIDE = 65_535;

function parseSize(json: string): TerminalSize | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof value !== 'object' || value === null || !('Width' in value) || !('Height' in value)) return undefined;
  const { Width: width, Height: height } = value;
  const isSide = (side: unknown): side is number =>
    Number.isInteger(side) && Number(side) > 0 && Number(side) <= MAX_SIDE;
  return isSide(width) && isSide(height) ? { width, height } : undefined;
}
