import { convertAutoscaler, type KubeObject } from '../../machinery/index.ts';
import { AGE, ageOf, column, NAME, NONE, table } from './table.ts';

interface MetricTarget {
  value?: string;
  averageValue?: string;
  averageUtilization?: number;
}
interface MetricSource {
  name?: string;
  target?: MetricTarget;
  current?: MetricTarget;
}
interface Metric {
  type?: string;
  object?: MetricSource;
  pods?: MetricSource;
  resource?: MetricSource;
  containerResource?: MetricSource;
  external?: MetricSource;
}
interface AutoscalerSpec {
  scaleTargetRef?: { kind?: string; name?: string };
  minReplicas?: number;
  maxReplicas?: number;
  metrics?: Metric[];
}
interface AutoscalerStatus {
  currentReplicas?: number;
  currentMetrics?: Metric[] | null;
}

/** Metrics that are shown; of others only how many there are. */
const SHOWN = 2;

export const horizontalPodAutoscalerPrinter = table<KubeObject<AutoscalerSpec, AutoscalerStatus>>(
  [
    NAME,
    column('Reference', 'What is scaled.'),
    column('Targets', 'Each metric as it is, and as it should be.'),
    column('MinPods', 'Pods that there are at least.'),
    column('MaxPods', 'Pods that there are at most.'),
    column('Replicas', 'Pods that there are.'),
    AGE,
  ],
  (given, now) => {
    const autoscaler = convertAutoscaler(given as unknown as KubeObject, 'autoscaling/v2');
    const { metadata, spec, status } = autoscaler as unknown as typeof given;
    return [
      metadata.name,
      `${spec?.scaleTargetRef?.kind ?? ''}/${spec?.scaleTargetRef?.name ?? ''}`,
      targetsOf(spec?.metrics ?? [], status?.currentMetrics ?? []),
      spec?.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
      spec?.maxReplicas ?? 0,
      status?.currentReplicas ?? 0,
      ageOf(given, now),
    ];
  },
);

function targetsOf(metrics: readonly Metric[], current: readonly Metric[]): string {
  if (metrics.length === 0) return NONE;
  const shown = metrics.slice(0, SHOWN).map((metric, index) => targetOf(metric, current[index]));
  const more = metrics.length > SHOWN ? ` + ${metrics.length - SHOWN} more...` : '';
  return `${shown.join(', ')}${more}`;
}

const UNKNOWN = '<unknown>';

function targetOf(metric: Metric, current: Metric | undefined): string {
  switch (metric.type) {
    case 'External':
      return amountOf(metric.external, current?.external);
    case 'Object':
      return amountOf(metric.object, current?.object);
    case 'Pods':
      return `${current?.pods?.current?.averageValue ?? UNKNOWN}/${metric.pods?.target?.averageValue ?? ''}`;
    case 'Resource':
      return shareOf(metric.resource, current?.resource);
    case 'ContainerResource':
      return shareOf(metric.containerResource, current?.containerResource);
    default:
      return '<unknown type>';
  }
}

function amountOf(source: MetricSource | undefined, current: MetricSource | undefined): string {
  const average = source?.target?.averageValue;
  if (average !== undefined) return `${current?.current?.averageValue ?? UNKNOWN}/${average} (avg)`;
  return `${current?.current?.value ?? UNKNOWN}/${source?.target?.value ?? ''}`;
}

function shareOf(source: MetricSource | undefined, current: MetricSource | undefined): string {
  const { averageValue, averageUtilization } = source?.target ?? {};
  if (averageValue !== undefined)
    return `${source?.name}: ${current?.current?.averageValue ?? UNKNOWN}/${averageValue}`;
  const now = current?.current?.averageUtilization;
  const wanted = averageUtilization === undefined ? '<auto>' : `${averageUtilization}%`;
  return `${source?.name}: ${now === undefined ? UNKNOWN : `${now}%`}/${wanted}`;
}
