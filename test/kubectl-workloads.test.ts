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

/** What kubectl does with the revisions of a StatefulSet or DaemonSet, which are objects of their own. */
function revised(kind: string, spec: Record<string, unknown>): Typed[] {
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } };
  const manifest = {
    ...{ apiVersion: 'apps/v1', kind, metadata: { name: 'web' } },
    spec: { ...spec, selector: { matchLabels: labels }, template },
  };
  const web = `${kind.toLowerCase()}/web`;
  const said = `${kind.toLowerCase()}.apps/web`;
  const rolledOut: Typed = [
    `rollout status ${web} --timeout=20s`,
    /successfully rolled out|(roll out|rolling update) complete/,
  ];
  return [
    ['apply -f -', `=${said} created\n`, JSON.stringify(manifest)],
    rolledOut,
    [`set image ${web} c=nginx:2`, `=${said} image updated\n`],
    rolledOut,
    [`rollout history ${web}`, /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/],
    [`rollout history ${web} --revision=1`, /Image:\s+nginx:1/],
    [`rollout undo ${web}`, `=${said} rolled back\n`],
    [`get ${web} -o jsonpath={..image}`, '=nginx:1'],
    rolledOut,
    [`rollout history ${web}`, /REVISION +CHANGE-CAUSE\n2 +<none>\n3 +<none>/],
    [`✗ rollout undo ${web} --to-revision=9`, 'unable to find specified revision 9 in history'],
    [`rollout restart ${web}`, `=${said} restarted\n`],
    rolledOut,
    [`get ${web} -o jsonpath={..template.metadata.annotations}`, 'kubectl.kubernetes.io/restartedAt'],
    [`describe ${web}`, 'SuccessfulCreate'],
  ];
}

const stateful: Typed[] = [
  ...revised('StatefulSet', { serviceName: 'web', replicas: 2 }),
  ['scale statefulset/web --replicas=1', '=statefulset.apps/web scaled\n'],
  ['wait statefulset/web --for=jsonpath={.status.replicas}=1 --timeout=20s', 'statefulset.apps/web condition met'],
  ['get pods -o name', '=pod/web-0\n'],
];

const daemon: Typed[] = [...revised('DaemonSet', {}), ['get daemonset web', /^web +1 +1 +1 +1 +1 +<none> /m]];

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

const finished: Typed[] = [
  ['create job once --image=busybox -- true', '=job.batch/once created\n'],
  ['wait job/once --for=condition=Complete --timeout=20s', '=job.batch/once condition met\n'],
  ['get job once', /^once +Complete +1\/1 /m],
  ['describe job once', 'Normal  Completed'],
  ['create cronjob yearly --image=busybox --schedule=@yearly -- true', '=cronjob.batch/yearly created\n'],
  ['create job now --from=cronjob/yearly', '=job.batch/now created\n'],
  ['wait job/now --for=condition=Complete --timeout=20s', '=job.batch/now condition met\n'],
  ['delete cronjob yearly --cascade=foreground', 'deleted'],
  ['✗ get job now', 'jobs.batch "now" not found'],
  ['create poddisruptionbudget all --selector=app=none --min-available=1', 'created'],
  ['wait poddisruptionbudget/all --for=condition=DisruptionAllowed=False --timeout=20s', 'condition met'],
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

  test('rolls stateful sets out, back and again', () => typed('stateful', stateful));

  test('rolls daemon sets out, back and again', () => typed('daemon', daemon));

  test('scales, autoscales, exposes and sets', () => typed('altered', altered));
  test('runs jobs to their end, now and when they are due', () => typed('finished', finished));

  test('runs, waits, debugs, tells of events, and empties a node', () => typed('ran', ran('homeport')));

  // kubectl 1.30 has no such wait yet.
  if (program === 'kubectl') {
    // It compares what a revision keeps with what it makes of the template byte by byte, by its own version of the types.
    test('sees that a template is that of a revision already', () =>
      typed('skipped', [
        ...revised('StatefulSet', { serviceName: 'web', replicas: 1 }).slice(0, 2),
        [
          'rollout undo statefulset/web --to-revision=1',
          'skipped rollback (current template already matches revision 1)',
        ],
      ]));

    test('waits for what is not there yet', async () => {
      const waiting = homeport.kubectl('wait configmap/late --for=create --timeout=20s');
      await homeport.kubectl('create configmap late');
      expect(await waiting).toBe('configmap/late condition met\n');
    });
  }
});
