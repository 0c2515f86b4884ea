// Workloads and nodes as a person works with them, with the newest kubectl and the oldest that is promised to work. Pods
// only seem to run here; what needs one is in pods.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { type Typed, type } from './support/typed.ts';

let homeport: TestHomeport;
beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'simulated']);
});
afterAll(() => homeport.stop());

const rolledOut: Typed[] = [
  ['create deployment web --image=nginx:1 --replicas=2', ''],
  ['rollout status deployment/web --timeout=20s', 'deployment "web" successfully rolled out'],
  ['wait deployment/web --for=condition=Available --timeout=20s', 'deployment.apps/web condition met'],
  ['wait deployment/web --for=jsonpath={.status.readyReplicas}=2 --timeout=20s', 'condition met'],
  ['set image deployment/web nginx=nginx:2', '=deployment.apps/web image updated\n'],
  ['annotate deployment web kubernetes.io/change-cause=second', 'annotated'],
  ['rollout status deployment/web --timeout=20s', 'successfully rolled out'],
  ['rollout history deployment/web', /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +second/],
  ['rollout history deployment/web --revision=1', /Image:\s+nginx:1/],
  ['rollout undo deployment/web', '=deployment.apps/web rolled back\n'],
  ['get deployment web -o jsonpath={..image}', '=nginx:1'],
  ['rollout restart deployment/web', '=deployment.apps/web restarted\n'],
  ['rollout pause deployment/web', '=deployment.apps/web paused\n'],
  ['✗ rollout restart deployment/web', "can't restart paused deployment"],
  ['rollout resume deployment/web', '=deployment.apps/web resumed\n'],
  ['rollout status deployment/web --timeout=20s', 'successfully rolled out'],
  ['describe deployment web', 'ScalingReplicaSet'],
];

const altered: Typed[] = [
  ['create deployment web --image=nginx', ''],
  ['scale deployment web --replicas=3 --current-replicas=1', '=deployment.apps/web scaled\n'],
  ['✗ scale deployment web --replicas=2 --current-replicas=1', 'Expected replicas to be 1, was 3'],
  ['get deployment web --subresource=scale', /^NAME +DESIRED +AVAILABLE +AGE\nweb +3 +\d+ +\d+s\n$/],
  ['autoscale deployment web --min=1 --max=5 --cpu-percent=50', 'horizontalpodautoscaler.autoscaling/web autoscaled'],
  ['get hpa web', /^web +Deployment\/web +cpu: <unknown>\/50% +1 +5 /m],
  ['expose deployment web --port=80 --target-port=8080 --type=NodePort', '=service/web exposed\n'],
  ['set selector service/web app=other', '=service/web selector updated\n'],
  ['get service web -o jsonpath={.spec.selector}', '={"app":"other"}'],
  ['set env deployment/web A=1 B=2', '=deployment.apps/web env updated\n'],
  ['set env deployment/web A-', '=deployment.apps/web env updated\n'],
  ['set env deployment/web --list', 'B=2'],
  ['set resources deployment/web --limits=memory=64Mi --requests=cpu=10m', 'resource requirements updated'],
  ['set serviceaccount deployment/web default', '=deployment.apps/web serviceaccount updated\n'],
  [
    'get deployment web -o jsonpath={..containers[0].resources}',
    '={"limits":{"memory":"64Mi"},"requests":{"cpu":"10m"}}',
  ],
  ['✗ set image deployment/web nginx=', 'spec.template.spec.containers[0].image: Required value'],
  ['create rolebinding seen --clusterrole=view --user=ann', ''],
  ['set subject rolebinding seen --group=devs', '=rolebinding.rbac.authorization.k8s.io/seen subjects updated\n'],
];

const ran = (node: string): Typed[] => [
  ['run one --image=nginx --port=80 --env=A=b --labels=app=one --expose', 'pod/one created'],
  ['wait pod/one --for=condition=Ready --timeout=20s', 'pod/one condition met'],
  ['wait pod/one --for=jsonpath={.status.phase}=Running --timeout=20s', 'pod/one condition met'],
  ['✗ wait pod/one --for=condition=Never --timeout=0s', /condition|timed out/],
  ['get endpoints one -o jsonpath={.subsets[*].ports[0].port}', '=80'],
  ['debug one --image=busybox --container=tools --target=one --profile=general -- sleep 9', ''],
  ['get pod one -o jsonpath={.spec.ephemeralContainers[*].targetContainerName}', '=one'],
  ['debug one --image=busybox --copy-to=copy --profile=general -- sleep 9', ''],
  ['get pod copy -o jsonpath={.spec.containers[*].image}', /busybox/],
  ['get events --field-selector=involvedObject.name=one', /Normal +Scheduled +pod\/one/],
  ['events --for=pod/one', /Normal +Scheduled +Pod\/one/],
  ['describe pod one', 'Successfully assigned'],
  [`cordon ${node}`, `=node/${node} cordoned\n`],
  ['get nodes', 'Ready,SchedulingDisabled'],
  [`drain ${node} --force --ignore-daemonsets --delete-emptydir-data --pod-selector=app=one`, 'pod/one evicted'],
  [`uncordon ${node}`, `=node/${node} uncordoned\n`],
  [`taint node ${node} example.com/kept=yes:PreferNoSchedule`, `=node/${node} tainted\n`],
  [`✗ taint node ${node} example.com/kept=no:PreferNoSchedule`, 'already has'],
  [`describe node ${node}`, /Taints: +example.com\/kept=yes:PreferNoSchedule/],
  [`taint node ${node} example.com/kept-`, `=node/${node} untainted\n`],
];

describe.each(['kubectl', 'kubectl-1.30'] as const)('%s', (program) => {
  const typed = (name: string, commands: readonly Typed[]) => {
    const ns = `${name}-${program.replace('.', '-')}`;
    const typist = { program, homeport, folder: homeport.dataDir };
    return type(typist, ns, [[`create namespace ${ns}`, ''], ...commands]);
  };

  test('rolls out, back and again', () => typed('rolled-out', rolledOut));

  test('scales, autoscales, exposes and sets', () => typed('altered', altered));

  test('runs, waits, debugs, tells of events, and empties a node', () => typed('ran', ran('homeport')));

  // kubectl 1.30 has no such wait yet.
  if (program === 'kubectl') {
    test('waits for what is not there yet', async () => {
      const waiting = homeport.kubectl('wait configmap/late --for=create --timeout=20s');
      await homeport.kubectl('create configmap late');
      expect(await waiting).toBe('configmap/late condition met\n');
    });
  }
});
