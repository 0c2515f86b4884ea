import type { RequestInfo } from '../contracts.ts';

/** Upper bounds in seconds. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 5, 30];

interface Series {
  count: number;
  sum: number;
  /** How many requests took no longer than the bucket of the same index, and than those before. */
  buckets: number[];
}

/** Counts and durations of requests, in the names and labels of kube-apiserver's metrics. */
export interface Metrics {
  observe(info: RequestInfo, code: number, seconds: number): void;
  /** The Prometheus text format, version 0.0.4. */
  render(): string;
}

const label = (value: string): string => value.replace(/["\\\n]/g, '_');

export function createMetrics(): Metrics {
  const counts = new Map<string, number>();
  const durations = new Map<string, Series>();
  return {
    observe(info, code, seconds) {
      const { verb, group, version, resource, subresource } = info;
      const labels = `group="${label(group)}",version="${label(version)}",resource="${label(resource)}",subresource="${label(subresource)}",verb="${verb.toUpperCase()}"`;
      const counted = `${labels},code="${code}"`;
      counts.set(counted, (counts.get(counted) ?? 0) + 1);
      // A watch lasts as long as its client likes: that says nothing about the server.
      if (verb === 'watch') return;
      let series = durations.get(labels);
      if (!series) {
        series = { count: 0, sum: 0, buckets: BUCKETS.map(() => 0) };
        durations.set(labels, series);
      }
      series.count++;
      series.sum += seconds;
      for (const [index, bound] of BUCKETS.entries())
        if (seconds <= bound) series.buckets[index] = (series.buckets[index] ?? 0) + 1;
    },
    render() {
      const lines = [
        '# HELP apiserver_request_total Requests served, by resource, verb and status code.',
        '# TYPE apiserver_request_total counter',
      ];
      for (const [labels, count] of counts) lines.push(`apiserver_request_total{${labels}} ${count}`);
      lines.push(
        '# HELP apiserver_request_duration_seconds How long requests other than watches took.',
        '# TYPE apiserver_request_duration_seconds histogram',
      );
      for (const [labels, { count, sum, buckets }] of durations) {
        for (const [index, bound] of BUCKETS.entries()) {
          lines.push(`apiserver_request_duration_seconds_bucket{${labels},le="${bound}"} ${buckets[index]}`);
        }
        lines.push(`apiserver_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}`);
        lines.push(`apiserver_request_duration_seconds_sum{${labels}} ${sum}`);
        lines.push(`apiserver_request_duration_seconds_count{${labels}} ${count}`);
      }
      return `${lines.join('\n')}\n`;
    },
  };
}
