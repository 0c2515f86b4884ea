import { describe, expect, it } from 'vitest';
import type { Fields } from '../machinery/index.ts';
import { app, make, why, wrongImage } from './fixtures.ts';

describe('diagnose of Services and Ingresses', () => {
  const service = make('v1', 'Service', 'silly-demo', {
    spec: { selector: { app: 'silly-demo' }, ports: [{ name: 'http', port: 8080 }] },
  });
  const ingress = (backend: Fields) =>
    make('networking.k8s.io/v1', 'Ingress', 'silly-demo', {
      spec: { rules: [{ http: { paths: [{ path: '/', backend: { service: backend } }] } }] },
    });

  it('follows an Ingress and a Service to the pods behind them', async () => {
    const { all } = app(wrongImage);
    const front = ingress({ name: 'silly-demo', port: { number: 8080 } });
    expect(await why(front, [front, service, ...all])).toMatchObject({
      cause: expect.stringContaining('change spec.template.spec.containers[0].image of Deployment/silly-demo'),
      object: 'Deployment/silly-demo',
      field: null,
    });
  });

  it('sees a selector that no pod has, but not while something makes such pods', async () => {
    expect(await why(service, [service])).toMatchObject({
      cause: 'service silly-demo selects no pods (app=silly-demo): change spec.selector',
      field: 'spec.selector',
    });
    const { deployment } = app();
    expect(await why(service, [service, deployment])).toMatchObject({
      fixableBy: null,
      cause: 'not ready yet: waiting for its pods',
    });
  });

  it('sees an Ingress to a Service or a port that is not there', async () => {
    const nowhere = ingress({ name: 'other', port: { number: 80 } });
    expect(await why(nowhere, [nowhere, service])).toMatchObject({
      cause:
        'ingress silly-demo sends to service other, which does not exist: change spec.rules[0].http.paths[0].backend.service.name',
    });
    const wrongPort = ingress({ name: 'silly-demo', port: { number: 80 } });
    const { all } = app();
    expect(await why(wrongPort, [wrongPort, service, ...all])).toMatchObject({
      field: 'spec.rules[0].http.paths[0].backend.service.port.number',
    });
  });
});
