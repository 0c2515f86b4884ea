import type { RequestInfo } from '../contracts.ts';
import { createHistogram, family, type Histogram, histogramFamily } from '../exposition.ts';
import { isLongRunning } from './deadline.ts';

/** Upper bounds in seconds: upstream's, so that its dashboards show what they should. */
const BOUNDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

/** The verbs of metrics: HTTP's where RequestInfo has its own. */
const VERBS: Readonly<Record<string, string>> = { create: 'POST', update: 'PUT', head: 'GET' };
const MUTATING = new Set(['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE', 'DELETECOLLECTION']);

/** What a request is counted under; everything that a client may choose freely is left out of it. */
export interface RequestLabels {
  info: RequestInfo;
  dryRun: boolean;
  /** Server-side apply, which has a verb of its own. */
  apply: boolean;
}

/** Counts and durations of requests, in the names and labels of kube-apiserver's metrics. */
export interface Metrics {
  /** Counts a request that begins. @returns what to call with the status code when it has ended. */
  begin(request: RequestLabels): (code: number) => void;
  /** The Prometheus text format, version 0.0.4. */
  render(): string;
}

function labelsOf({ info, dryRun, apply }: RequestLabels): { verb: string; dry: string; labels: string } {
  const { group, version, resource, subresource, namespace, name, isResource } = info;
  const verb = apply ? 'APPLY' : (VERBS[info.verb] ?? info.verb.toUpperCase());
  const scope = !isResource ? '' : name !== '' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster';
  // None of these can hold a quote: they are served names, and methods that HTTP knows.
  const what = `group="${group}",resource="${resource}",scope="${scope}",subresource="${subresource}"`;
  const labels = `${what},verb="${verb}",version="${version}"`;
  return { verb, dry: `component="apiserver",dry_run="${dryRun ? 'All' : ''}",${labels}`, labels };
}

/** @param state writes what is true at the moment: families of gauges. */
export function createMetrics(state: () => string): Metrics {
  const counts = new Map<string, number>();
  const durations = new Map<string, Histogram>();
  const terminations = new Map<string, number>();
  const longRunning = new Map<string, number>();
  const inFlight = { mutating: 0, readOnly: 0 };
  const add = (map: Map<string, number>, key: string, by: number): void => void map.set(key, (map.get(key) ?? 0) + by);

  function durationsOf(labels: string): Histogram {
    let histogram = durations.get(labels);
    if (!histogram) {
      histogram = createHistogram(BOUNDS);
      durations.set(labels, histogram);
    }
    return histogram;
  }

  return {
    begin(request) {
      const began = performance.now();
      const { verb, dry, labels } = labelsOf(request);
      const isLong = isLongRunning(request.info);
      const long = `{component="apiserver",${labels}}`;
      const kind = MUTATING.has(verb) ? 'mutating' : 'readOnly';
      if (isLong) add(longRunning, long, 1);
      else inFlight[kind]++;
      return (code) => {
        const counted = `{code="${code}",${dry}}`;
        add(counts, counted, 1);
        if (code === 429 || code === 504) add(terminations, counted, 1);
        if (isLong) add(longRunning, long, -1);
        else inFlight[kind]--;
        // A watch lasts as long as its client likes: that says nothing about the server.
        if (!isLong) durationsOf(`{${dry}}`).observe((performance.now() - began) / 1000);
      };
    },
    render: () =>
      [
        family('apiserver_request_total', 'counter', 'Requests served.', counts),
        histogramFamily('apiserver_request_duration_seconds', 'How long requests took, but for watches.', durations),
        family('apiserver_request_terminations_total', 'counter', 'Requests turned away or cut off.', terminations),
        family('apiserver_current_inflight_requests', 'gauge', 'Requests being served, but for watches.', [
          [{ request_kind: 'mutating' }, inFlight.mutating],
          [{ request_kind: 'readOnly' }, inFlight.readOnly],
        ]),
        family('apiserver_longrunning_requests', 'gauge', 'Watches and streams.', longRunning),
        state(),
      ].join(''),
  };
}
