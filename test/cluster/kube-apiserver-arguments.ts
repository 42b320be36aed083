import type { Certificate } from "./certificates.ts";

/** What the API servers of the tests differ in. */
export interface ApiServerOptions {
  readonly etcdUrl: string;
  readonly bindAddress: string;
  /** The address published in the Service `kubernetes`. */
  readonly advertiseAddress: string;
  readonly port: number;
  readonly serviceCidr: string;
  /** Signs clients and kubelets alike. */
  readonly certificateAuthority: string;
  readonly serving: Certificate;
  /** Signs service-account tokens. */
  readonly serviceAccounts: Certificate;
}

/** The arguments of an API server as a real cluster has it: node authorisation, RBAC, NodeRestriction. */
export function apiServerArguments(options: ApiServerOptions): string[] {
  return [
    `--etcd-servers=${options.etcdUrl}`,
    `--bind-address=${options.bindAddress}`,
    `--advertise-address=${options.advertiseAddress}`,
    `--secure-port=${options.port}`,
    `--service-cluster-ip-range=${options.serviceCidr}`,
    `--client-ca-file=${options.certificateAuthority}`,
    `--tls-cert-file=${options.serving.certificate}`,
    `--tls-private-key-file=${options.serving.key}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--allow-privileged=true",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-signing-key-file=${options.serviceAccounts.key}`,
    // A certificate: from a file with an elliptic private key the API server would not take the public half.
    `--service-account-key-file=${options.serviceAccounts.certificate}`,
  ];
}

/** Alternative names of an API server's certificate: the Service's names and its first address, and what the caller adds. */
export function apiServerNames(serviceAddress: string, others: readonly string[]): string[] {
  return [
    "DNS:kubernetes",
    "DNS:kubernetes.default",
    "DNS:kubernetes.default.svc",
    "DNS:kubernetes.default.svc.cluster.local",
    "DNS:localhost",
    `IP:${serviceAddress}`,
    "IP:127.0.0.1",
    ...others,
  ];
}

/** Whether the API server at `url` says that it is ready. */
export async function apiServerIsReady(url: string, certificateAuthority: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`, {
    tls: { ca: Bun.file(certificateAuthority) },
    signal: AbortSignal.timeout(2000),
  });
  await response.text();
  return response.ok;
}
