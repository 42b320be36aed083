/** Where the API server is and as whom to speak to it. */
export interface ServerAccess {
  /** Base URL, without a trailing slash. */
  readonly server: string;
  /** Namespace of the kubeconfig's context, or of the pod. */
  readonly namespace: string | undefined;
  /** Asked before every request, so that rotated files are taken up. */
  credentials(): Promise<Credentials>;
  /** The server refused the credentials: read their files again next time, however fresh the copies are. */
  forget(): void;
}

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsIdentity;
}

/** PEM texts, and how to check the server's certificate. */
export interface TlsIdentity {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  /** False only where the kubeconfig says `insecure-skip-tls-verify`. */
  readonly rejectUnauthorized?: boolean;
}

/** How long a credential file that was read is trusted, in ms. The kubelet rotates a token at 80 % of its life. */
export const credentialMaxAgeMs = 10_000;

/**
 * The access that a process of ours has: that of a kubeconfig file if one is named, else that of its pod.
 *
 * @throws when the file cannot be used, or this is no pod
 */
export async function openServerAccess(
  options: { kubeconfig?: string | undefined } = {},
): Promise<ServerAccess> {
  // Loaded only where asked for: client-node costs 25 MB of memory, which an agent on every node has no use for.
  if (options.kubeconfig === undefined) return (await import("./in-cluster-access.ts")).inClusterAccess();
  const { loadKubeConfig } = await import("./load-kube-config.ts");
  const { kubeConfigAccess } = await import("./kubeconfig-access.ts");
  return kubeConfigAccess(loadKubeConfig({ kubeconfig: options.kubeconfig }));
}
