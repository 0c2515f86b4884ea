import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../object.ts';
import { convertAutoscaler } from './autoscalers.ts';

const autoscaler: KubeObject = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web', annotations: { team: 'a' } },
  spec: {
    scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' },
    minReplicas: 1,
    maxReplicas: 3,
    metrics: [
      { type: 'Pods', pods: { metric: { name: 'a<b' }, target: { type: 'AverageValue', averageValue: '500m' } } },
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
    ],
    behavior: { scaleDown: { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] } },
  },
  status: {
    currentReplicas: 2,
    desiredReplicas: 3,
    currentMetrics: [{ type: 'External', external: { metric: { name: 'x' }, current: { value: '4' } } }],
    conditions: [{ type: 'AbleToScale', status: 'True', reason: 'R', lastTransitionTime: '2024-01-01T00:00:00Z' }],
  },
};

describe('autoscalers', () => {
  it('carry what v1 does not know in the annotations that kube-apiserver writes', () => {
    const { metadata, spec, status } = convertAutoscaler(autoscaler, 'autoscaling/v1');
    expect(metadata.annotations).toEqual({
      'autoscaling.alpha.kubernetes.io/behavior':
        '{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}',
      'autoscaling.alpha.kubernetes.io/conditions':
        '[{"type":"AbleToScale","status":"True","lastTransitionTime":"2024-01-01T00:00:00Z","reason":"R"}]',
      'autoscaling.alpha.kubernetes.io/current-metrics':
        '[{"type":"External","external":{"metricName":"x","currentValue":"4"}}]',
      'autoscaling.alpha.kubernetes.io/metrics':
        '[{"type":"Pods","pods":{"metricName":"a\\u003cb","targetAverageValue":"500m"}}]',
      team: 'a',
    });
    expect(spec).toMatchObject({ maxReplicas: 3, targetCPUUtilizationPercentage: 50 });
    expect(spec).not.toHaveProperty('metrics');
    expect(status).toEqual({ currentReplicas: 2, desiredReplicas: 3 });
  });

  it('are the same again as v2', () => {
    const back = convertAutoscaler(convertAutoscaler(autoscaler, 'autoscaling/v1'), 'autoscaling/v2');
    expect(back).toEqual(autoscaler);
  });

  it('do not mind annotations that nobody can read', () => {
    const annotations = {
      'autoscaling.alpha.kubernetes.io/metrics': '{',
      'autoscaling.alpha.kubernetes.io/behavior': '[]',
    };
    const { metadata, spec } = convertAutoscaler(
      { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler', metadata: { name: 'x', annotations }, spec: {} },
      'autoscaling/v2',
    );
    expect(metadata).toEqual({ name: 'x' });
    expect(spec).toMatchObject({ metrics: [{ resource: { target: { averageUtilization: 80 } } }] });
  });
});
