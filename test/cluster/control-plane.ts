import { join } from "node:path";
import { binary } from "../../tools/build/binary.ts";
import type { Certificate, CertificateAuthority } from "./certificates.ts";
import {
  componentKubeconfig,
  issueApiServerCertificate,
  writeClusterKubeconfig,
} from "./cluster-certificates.ts";
import type { Daemon } from "./daemon.ts";
import { etcdArguments } from "./etcd-arguments.ts";
import { kubeconfigPath, stateFolder } from "./folders.ts";
import { apiServerArguments, apiServerIsReady } from "./kube-apiserver-arguments.ts";
import { kubectl } from "./kubectl.ts";
import { serviceCidr } from "./service-network.ts";
import { startDaemon } from "./start-daemon.ts";
import { waitUntil } from "./wait-until.ts";
import { apiServerUrl, controlPlane } from "./world.ts";

const ETCD_URL = "http://127.0.0.1:2379";
const KUBELET_CLIENT = "kube-apiserver-kubelet-client";

export interface ControlPlaneOptions {
  /** How long a kubelet may be silent before its Node's readiness is unknown, as a Go duration; 50s unless said otherwise. */
  readonly nodeMonitorGrace?: string;
  /** Path of kube-scheduler's configuration, which its flags complete; without it kube-scheduler runs by its defaults. */
  readonly schedulerConfiguration?: string;
}

/** Starts etcd, the API server, the controller manager and the scheduler on the control plane's machine; pods can be created then. */
export async function startControlPlane(
  authority: CertificateAuthority,
  { schedulerConfiguration, nodeMonitorGrace }: ControlPlaneOptions = {},
): Promise<void> {
  const etcdOptions = {
    dataFolder: join(stateFolder, "etcd"),
    clientUrl: ETCD_URL,
    peerUrl: "http://127.0.0.1:2380",
  };
  const etcd = await startHere("etcd", etcdArguments(etcdOptions));
  const serviceAccounts = await authority.issue({
    name: "service-accounts",
    commonName: "service-accounts",
    usage: "clientAuth",
  });
  const apiServer = await startApiServer(authority, serviceAccounts);
  await waitUntil("the API server's readiness", () => apiServerIsReady(apiServerUrl, authority.certificate), {
    deadlineMs: 60_000,
    daemons: [etcd, apiServer],
  });
  await allowApiServerToReachKubelets();
  // Not before: they end when RBAC's default roles are not there yet.
  const manager = await startControllerManager(authority, serviceAccounts, nodeMonitorGrace);
  const scheduler = await startScheduler(authority, schedulerConfiguration);
  await waitUntil(
    "the service account `default`, without which no pod can be created",
    () => kubectl(kubeconfigPath, ["get", "serviceaccount", "default", "--output=name"]),
    { deadlineMs: 60_000, daemons: [manager, scheduler], intervalMs: 100 },
  );
}

async function startHere(program: string, arguments_: readonly string[]): Promise<Daemon> {
  const path = await binary(program);
  return startDaemon(program, [
    "nsenter",
    `--net=/run/netns/${controlPlane.namespace}`,
    "--",
    path,
    ...arguments_,
  ]);
}

async function startApiServer(
  authority: CertificateAuthority,
  serviceAccounts: Certificate,
): Promise<Daemon> {
  const kubeletClient = await authority.issue({
    name: KUBELET_CLIENT,
    commonName: KUBELET_CLIENT,
    usage: "clientAuth",
  });
  return startHere("kube-apiserver", [
    ...apiServerArguments({
      etcdUrl: ETCD_URL,
      bindAddress: "0.0.0.0",
      advertiseAddress: controlPlane.address,
      port: Number(new URL(apiServerUrl).port),
      serviceCidr,
      certificateAuthority: authority.certificate,
      serving: await issueApiServerCertificate(authority),
      serviceAccounts,
    }),
    `--kubelet-certificate-authority=${authority.certificate}`,
    `--kubelet-client-certificate=${kubeletClient.certificate}`,
    `--kubelet-client-key=${kubeletClient.key}`,
    // The nodes' host names are in no DNS.
    "--kubelet-preferred-address-types=InternalIP",
  ]);
}

async function startControllerManager(
  authority: CertificateAuthority,
  serviceAccounts: Certificate,
  nodeMonitorGrace: string | undefined,
): Promise<Daemon> {
  return startHere("kube-controller-manager", [
    ...(await connection(authority, "kube-controller-manager")),
    "--use-service-account-credentials=true",
    // At its start it makes a service account and a token for each controller: at the default of 20 a second that takes 4 s.
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
    `--service-account-private-key-file=${serviceAccounts.key}`,
    `--root-ca-file=${authority.certificate}`,
    ...(nodeMonitorGrace === undefined ? [] : [`--node-monitor-grace-period=${nodeMonitorGrace}`]),
  ]);
}

async function startScheduler(
  authority: CertificateAuthority,
  configuration: string | undefined,
): Promise<Daemon> {
  return startHere("kube-scheduler", [
    ...(await connection(authority, "kube-scheduler")),
    ...(configuration === undefined ? [] : [`--config=${configuration}`]),
  ]);
}

/** What controller manager and scheduler have in common. There is one of each, so neither waits for a lease. */
async function connection(authority: CertificateAuthority, component: string): Promise<string[]> {
  const kubeconfig = componentKubeconfig(component);
  await writeClusterKubeconfig(authority, kubeconfig, { name: `system:${component}` });
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    "--bind-address=127.0.0.1",
    "--leader-elect=false",
  ];
}

/** Logs, exec and port-forward go from the API server to the kubelet, which asks the API server whether that is allowed. */
async function allowApiServerToReachKubelets(): Promise<void> {
  await kubectl(kubeconfigPath, [
    ...["create", "clusterrolebinding", KUBELET_CLIENT],
    ...["--clusterrole=system:kubelet-api-admin", `--user=${KUBELET_CLIENT}`],
  ]);
}
