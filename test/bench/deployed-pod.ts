/** What a pod is told apart by. */
export interface PodIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * A pod as the scheduler has it, some kilobytes: of a Deployment with probes, a sidecar, spreading, what admission adds, and without managedFields, which the
 * scheduler drops.
 */
export function deployedPod({ name, namespace, uid, annotations = {} }: PodIdentity): object {
  const hash = "7d4b9c6f58";
  const labels = {
    app: "web",
    "app.kubernetes.io/instance": "web-production",
    "app.kubernetes.io/managed-by": "Helm",
    "app.kubernetes.io/name": "web",
    "pod-template-hash": hash,
  };
  const tokenMount = {
    name: "kube-api-access-x7k2p",
    readOnly: true,
    mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
  };
  const probe = (path: string) => ({
    httpGet: { path, port: 8080, scheme: "HTTP" },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
  const container = (of: string, amounts: Record<string, string>) => ({
    name: of,
    image: `registry.internal.example/team-web/${of}:2026.11.28-4f2c1d9`,
    args: ["--listen=:8080", "--log-format=json", "--upstream=http://catalogue.shop.svc:8080/?a=1&b=2"],
    ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
    env: [
      { name: "POD_IP", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "status.podIP" } } },
      { name: "NODE_NAME", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "spec.nodeName" } } },
      ...Array.from({ length: 12 }, (_, i) => ({
        name: `SETTING_${i}`,
        value: `value-${i}-of-a-setting-of-some-length`,
      })),
      {
        name: "DATABASE_PASSWORD",
        valueFrom: { secretKeyRef: { name: "database", key: "password", optional: false } },
      },
    ],
    resources: { limits: amounts, requests: amounts },
    volumeMounts: [{ name: "configuration", mountPath: "/etc/web" }, tokenMount],
    livenessProbe: probe("/live"),
    readinessProbe: probe("/ready"),
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    imagePullPolicy: "IfNotPresent",
    securityContext: {
      capabilities: { drop: ["ALL"] },
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
    },
  });
  const evicted = (key: string) => ({
    key,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds: 300,
  });
  return {
    metadata: {
      name,
      generateName: `web-${hash}-`,
      namespace,
      uid,
      resourceVersion: "184467",
      generation: 1,
      creationTimestamp: "2026-11-28T09:30:00Z",
      labels,
      annotations: {
        "checksum/config": "6b1ac7f0a1d29f3c2f0be5a2b6c4d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4",
        "prometheus.io/port": "8080",
        "prometheus.io/scrape": "true",
        ...annotations,
      },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name: `web-${hash}`,
          uid: "0b6f1c9e-1a52-4b8f-8d59-6a0f9ad0c001",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      volumes: [
        { name: "configuration", configMap: { name: "web", defaultMode: 420 } },
        {
          name: tokenMount.name,
          projected: {
            sources: [
              { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
              { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
              {
                downwardAPI: {
                  items: [
                    { path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } },
                  ],
                },
              },
            ],
            defaultMode: 420,
          },
        },
      ],
      containers: [
        container("web", { cpu: "100m", memory: "128Mi", "tke.cloud.tencent.com/eni-ip": "1" }),
        container("proxy", { cpu: "50m", memory: "64Mi" }),
      ],
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      serviceAccountName: "web",
      serviceAccount: "web",
      securityContext: { seccompProfile: { type: "RuntimeDefault" } },
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 100,
              podAffinityTerm: {
                labelSelector: { matchLabels: { app: "web" } },
                topologyKey: "kubernetes.io/hostname",
              },
            },
          ],
        },
      },
      schedulerName: "default-scheduler",
      tolerations: [evicted("node.kubernetes.io/not-ready"), evicted("node.kubernetes.io/unreachable")],
      priority: 0,
      enableServiceLinks: true,
      preemptionPolicy: "PreemptLowerPriority",
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "topology.kubernetes.io/zone",
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: { app: "web" } },
        },
      ],
    },
    status: { phase: "Pending", qosClass: "Burstable" },
  };
}
