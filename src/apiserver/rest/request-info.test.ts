import { describe, expect, test } from 'vitest';
import { requestInfo } from './request-info.ts';

function info(line: string): string {
  const [method = '', url = ''] = line.split(' ');
  const [path = '', query = ''] = url.split('?');
  const found = requestInfo(method, path, new URLSearchParams(query));
  if (!found.isResource) return `${found.verb} ${found.path}`;
  const { verb, group, version, resource, subresource, namespace, name } = found;
  return [verb, group || 'core', version, namespace || '-', resource, name || '-', subresource || '-'].join(' ');
}

describe('requestInfo', () => {
  test.each([
    ['GET /api/v1/pods', 'list core v1 - pods - -'],
    ['GET /api/v1/pods?watch=true', 'watch core v1 - pods - -'],
    ['GET /api/v1/pods?watch=false', 'list core v1 - pods - -'],
    ['GET /api/v1/namespaces/a/pods/x', 'get core v1 a pods x -'],
    ['GET /api/v1/namespaces/a/pods/x?watch=1', 'get core v1 a pods x -'],
    ['GET /api/v1/watch/namespaces/a/pods/x', 'watch core v1 a pods x -'],
    ['GET /api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dx', 'list core v1 a pods x -'],
    ['POST /api/v1/namespaces/a/pods/x/exec', 'create core v1 a pods x exec'],
    ['GET /api/v1/namespaces', 'list core v1 - namespaces - -'],
    ['GET /api/v1/namespaces/a', 'get core v1 a namespaces a -'],
    ['PUT /api/v1/namespaces/a/finalize', 'update core v1 a namespaces a finalize'],
    ['GET /api/v1/namespaces/a/status', 'get core v1 a namespaces a status'],
    ['DELETE /apis/apps/v1/namespaces/a/deployments', 'deletecollection apps v1 a deployments - -'],
    ['PATCH /apis/apps/v1/namespaces/a/deployments/x/scale', 'patch apps v1 a deployments x scale'],
    ['GET /apis/apps/v1', 'get /apis/apps/v1'],
    ['GET /api/v1', 'get /api/v1'],
    ['GET /readyz', 'get /readyz'],
    ['GET /api/v1/namespaces/a%2Fb/pods', 'get /api/v1/namespaces/a%2Fb/pods'],
    ['GET /api/v1/namespaces/%2e%2e/pods', 'get /api/v1/namespaces/%2e%2e/pods'],
    ['GET /api/v1/pods/%E0%A4%A', 'get /api/v1/pods/%E0%A4%A'],
  ])('%s', (line, wanted) => {
    expect(info(line)).toBe(wanted);
  });
});
