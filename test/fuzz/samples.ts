import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../src/machinery/index.ts';

/** An object of nearly every kind that is accepted as it is: one change from here gets further than anything random. */
const text = `
{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {a: b}}, data: {a: b}, binaryData: {c: AAEC}}
---
{apiVersion: v1, kind: Secret, metadata: {name: a}, type: Opaque, data: {a: YQ==}, stringData: {b: b}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {pod-security.kubernetes.io/enforce: baseline}}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default}}
---
{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: NodePort, selector: {a: b}, sessionAffinity: ClientIP, ports: [{name: http, port: 80, targetPort: http}, {name: dns, port: 53, protocol: UDP, nodePort: 30053}]}}
---
{apiVersion: v1, kind: Endpoints, metadata: {name: a}, subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {a: b}}
spec:
  initContainers: [{name: init, image: a, restartPolicy: Always}]
  containers:
    - name: main
      image: a:1
      command: [sh, -c, sleep 1]
      ports: [{name: http, containerPort: 80, hostPort: 8080}]
      env: [{name: A, value: b}, {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: C, valueFrom: {secretKeyRef: {name: a, key: b}}}]
      envFrom: [{prefix: A_, configMapRef: {name: a, optional: true}}]
      resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: "1", memory: 128Mi, example.dev/gpu: 1}}
      readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 5}
      livenessProbe: {grpc: {port: 80}}
      startupProbe: {exec: {command: [a]}}
      lifecycle: {preStop: {sleep: {seconds: 1}}}
      securityContext: {runAsNonRoot: true, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}
      volumeMounts: [{name: data, mountPath: /data, subPath: a}, {name: config, mountPath: /config, readOnly: true}]
  volumes:
    - {name: data, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
    - {name: config, projected: {sources: [{configMap: {name: a}}, {serviceAccountToken: {path: token, expirationSeconds: 3600}}, {downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.labels}}]}}]}}
    - {name: claim, persistentVolumeClaim: {claimName: a}}
  affinity:
    nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: In, values: [b]}]}]}}
    podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: a, labelSelector: {matchLabels: {a: b}}}}]}
  tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 1}]
  topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {a: b}}}]
  dnsPolicy: None
  dnsConfig: {nameservers: [10.0.0.1], options: [{name: ndots, value: "2"}]}
  hostAliases: [{ip: 10.0.0.1, hostnames: [a]}]
---
{apiVersion: v1, kind: PodTemplate, metadata: {name: a}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a}]}}}
---
{apiVersion: v1, kind: ReplicationController, metadata: {name: a}, spec: {replicas: 1, selector: {a: b}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: v1, kind: PersistentVolume, metadata: {name: a}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /a}, persistentVolumeReclaimPolicy: Retain}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: a}, spec: {hard: {pods: "5", requests.cpu: "1", count/configmaps: "50"}, scopes: [NotTerminating]}}
---
{apiVersion: v1, kind: LimitRange, metadata: {name: a}, spec: {limits: [{type: Container, default: {cpu: 100m}, max: {cpu: "2"}}]}}
---
{apiVersion: v1, kind: Node, metadata: {name: a}, spec: {taints: [{key: a, effect: NoSchedule}]}}
---
{apiVersion: v1, kind: Event, metadata: {name: a, namespace: fuzz}, involvedObject: {kind: Pod, name: a, namespace: fuzz}, reason: A, message: a, type: Normal}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replicas: 1, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: a}, spec: {serviceName: a, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a}]}}, volumeClaimTemplates: [{metadata: {name: a}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: a}, spec: {selector: {matchExpressions: [{key: a, operator: In, values: [b, c]}]}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: a}, spec: {completions: 2, parallelism: 1, completionMode: Indexed, backoffLimitPerIndex: 1, podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [1]}}]}, template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}}
---
{apiVersion: batch/v1, kind: CronJob, metadata: {name: a}, spec: {schedule: "*/5 * * * *", timeZone: Europe/Berlin, concurrencyPolicy: Forbid, jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: a, image: a}]}}}}}}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a}, spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, minReplicas: 1, maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}], behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 60}]}}}}
---
{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: b}, spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, targetCPUUtilizationPercentage: 50}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: a}, spec: {minAvailable: 50%, selector: {matchLabels: {a: b}}}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}, spec: {ingressClassName: a, tls: [{hosts: [a.example], secretName: a}], rules: [{host: "*.example", http: {paths: [{path: /a, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: 80, endPort: 90}]}], egress: [{to: [{namespaceSelector: {}}]}]}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: a}, rules: [{apiGroups: [""], resources: [pods, pods/log], verbs: [get], resourceNames: [a]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a}, aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}, rules: []}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: a}, subjects: [{kind: ServiceAccount, name: default, namespace: fuzz}, {kind: User, name: a, apiGroup: rbac.authorization.k8s.io}]}
---
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a}, provisioner: example.dev/a, volumeBindingMode: WaitForFirstConsumer, allowedTopologies: [{matchLabelExpressions: [{key: a, values: [b]}]}]}
---
{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: a}, spec: {holderIdentity: a, leaseDurationSeconds: 15, renewTime: "2026-01-01T00:00:00.000000Z"}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a, labels: {kubernetes.io/service-name: a}}, addressType: IPv4, endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}], ports: [{name: http, port: 80}]}
---
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: a}, value: 10, preemptionPolicy: Never}
---
{apiVersion: certificates.k8s.io/v1, kind: CertificateSigningRequest, metadata: {name: a}, spec: {request: AAEC, signerName: example.dev/a, usages: [client auth]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: a}, spec: {matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [secrets]}]}, variables: [{name: size, expression: "size(object.metadata.name)"}], validations: [{expression: "variables.size < 5 || object.metadata.?labels[?'a'].orValue('') == 'b'", messageExpression: "'it is ' + string(variables.size)"}]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: a}, spec: {policyName: a, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {a: b}}}}}
---
{apiVersion: authorization.k8s.io/v1, kind: SubjectAccessReview, spec: {user: a, groups: [b], resourceAttributes: {verb: get, resource: pods, namespace: fuzz}}}
---
{apiVersion: authorization.k8s.io/v1, kind: SelfSubjectRulesReview, spec: {namespace: fuzz}}
---
{apiVersion: authentication.k8s.io/v1, kind: TokenReview, spec: {token: a.b.c, audiences: [a]}}
---
{apiVersion: example.dev/v1, kind: Widget, metadata: {name: a}, spec: {colour: red, replicas: 2, port: http, free: {a: [1, {b: c}]}, labels: {a: b}, tags: [a, b], items: [{name: a, size: 1}, {name: b}]}}
---
{apiVersion: example.dev/v2, kind: Widget, metadata: {name: b}, spec: {colour: blue, port: 80}}
`;

let parsed: Map<string, KubeObject[]> | undefined;

/** The samples of a kind, to be copied before they are changed. */
export function samplesOf(apiVersion: string, kind: string): readonly KubeObject[] {
  if (!parsed) {
    parsed = new Map();
    for (const document of parseAllDocuments(text)) {
      const object = document.toJS() as KubeObject;
      const key = `${object.apiVersion} ${object.kind}`;
      parsed.set(key, [...(parsed.get(key) ?? []), object]);
    }
  }
  return parsed.get(`${apiVersion} ${kind}`) ?? [];
}
