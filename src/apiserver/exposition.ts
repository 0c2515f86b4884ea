/** The Prometheus text format, version 0.0.4. */

export type Labels = Readonly<Record<string, string>>;

/** Labels as they stand in the text; values cannot break out of it. */
export function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/["\\\n]/g, '_')}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** One family of samples: its head, and a line each. Names and labels are upstream's; families without samples are left out. */
export function family(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  samples: Iterable<readonly [labels: Labels | string, value: number]>,
): string {
  const lines = [...samples].map(([labels, value]) => {
    const text = typeof labels === 'string' ? labels : labelText(labels);
    return `${name}${text} ${value}`;
  });
  return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`;
}

/** Counts how often a value was no larger than each of some bounds. */
export interface Histogram {
  observe(value: number): void;
  /** The lines of one series, with these labels. */
  render(name: string, labels: string): string;
}

/** @param bounds upper bounds, rising. */
export function createHistogram(bounds: readonly number[]): Histogram {
  /** How many values lie under each bound and over the one before; the last is for those over all. */
  const counts = new Array<number>(bounds.length + 1).fill(0);
  let sum = 0;
  return {
    observe(value) {
      let index = 0;
      while (index < bounds.length && value > (bounds[index] as number)) index++;
      counts[index] = (counts[index] as number) + 1;
      sum += value;
    },
    render(name, labels) {
      const inner = labels === '' ? '' : `${labels.slice(1, -1)},`;
      let total = 0;
      const lines = [...bounds.map(String), '+Inf'].map((bound, index) => {
        total += counts[index] ?? 0;
        return `${name}_bucket{${inner}le="${bound}"} ${total}`;
      });
      return `${lines.join('\n')}\n${name}_sum${labels} ${sum}\n${name}_count${labels} ${total}\n`;
    },
  };
}

/** A family of histograms. */
export function histogramFamily(name: string, help: string, series: Iterable<readonly [string, Histogram]>): string {
  const lines = [...series].map(([labels, histogram]) => histogram.render(name, labels));
  return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} histogram\n${lines.join('')}`;
}
