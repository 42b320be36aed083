import type { Cluster, KubeConfig, User } from "@kubernetes/client-node";
import { type Clock, systemClock } from "../time/clock.ts";
import { CachedFile } from "./cached-file.ts";
import { credentialMaxAgeMs, type ServerAccess, type TlsIdentity } from "./server-access.ts";

/**
 * The access that the current context of a KubeConfig gives: client certificate, token, or file of a token that is
 * rotated.
 *
 * @throws when the context is incomplete or asks for something that this transport does not do: to go on without it would
 *   be to speak as somebody else
 */
export function kubeConfigAccess(config: KubeConfig, options: { clock?: Clock } = {}): ServerAccess {
  const { clock = systemClock } = options;
  const context = config.getCurrentContext() ?? "";
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (!cluster) throw new Error(`the kubeconfig has no cluster for its current context "${context}"`);
  if (!user) throw new Error(`the kubeconfig has no user for its current context "${context}"`);
  refuseUnsupported(cluster, user);

  const file = (path: string) => new CachedFile(path, { clock, maxAgeMs: credentialMaxAgeMs });
  const ca = credential(cluster.caFile, cluster.caData, file);
  const cert = credential(user.certFile, user.certData, file);
  const key = credential(user.keyFile, user.keyData, file);
  // The order of client-go: a token in the kubeconfig itself goes last, its file first.
  const tokenFile: string | undefined = user.authProvider?.config?.tokenFile;
  const token = tokenFile ? file(tokenFile) : literal(user.token);

  return {
    server: cluster.server.replace(/\/+$/, ""),
    namespace: config.getContextObject(context)?.namespace,
    async credentials() {
      const bearer = await token?.text();
      return {
        headers: {
          ...(bearer && { authorization: `Bearer ${bearer.trim()}` }),
          ...(user.impersonateUser && { "impersonate-user": user.impersonateUser }),
        },
        tls: await identity({ ca, cert, key }, cluster),
      };
    },
    forget() {
      for (const source of [ca, cert, key, token]) source?.forget();
    },
  };
}

/** What a credential is read from: a file that may be rotated, or the kubeconfig itself. */
type Source = Pick<CachedFile, "text" | "forget">;

function credential(
  path: string | undefined,
  base64: string | undefined,
  file: (path: string) => Source,
): Source | undefined {
  if (path) return file(path);
  return base64 ? literal(Buffer.from(base64, "base64").toString("utf8")) : undefined;
}

function literal(text: string | undefined): Source | undefined {
  return text ? { text: () => Promise.resolve(text), forget: () => {} } : undefined;
}

async function identity(
  sources: { ca: Source | undefined; cert: Source | undefined; key: Source | undefined },
  cluster: Cluster,
): Promise<TlsIdentity> {
  const [ca, cert, key] = await Promise.all([sources.ca?.text(), sources.cert?.text(), sources.key?.text()]);
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(cluster.tlsServerName && { serverName: cluster.tlsServerName }),
    ...(cluster.skipTLSVerify && { rejectUnauthorized: false }),
  };
}

function refuseUnsupported(cluster: Cluster, user: User): void {
  const instead = "use a client certificate, token or tokenFile";
  if (user.exec) {
    throw new Error(
      `user "${user.name}" of the kubeconfig runs "${user.exec.command}" for its credentials, which is not supported: ${instead}`,
    );
  }
  if (user.authProvider && !user.authProvider.config?.tokenFile) {
    throw new Error(
      `user "${user.name}" of the kubeconfig has auth-provider "${user.authProvider.name}", which is not supported: ${instead}`,
    );
  }
  if (user.username || user.password) {
    throw new Error(
      `user "${user.name}" of the kubeconfig has a password, which API servers no longer take: ${instead}`,
    );
  }
  if (cluster.proxyUrl) {
    throw new Error(
      `cluster "${cluster.name}" of the kubeconfig has proxy-url "${cluster.proxyUrl}", which is not supported: set HTTPS_PROXY instead`,
    );
  }
  const identified = user.token || user.certData || user.certFile || user.authProvider;
  if (identified && !cluster.server.startsWith("https://")) {
    throw new Error(
      `user "${user.name}" of the kubeconfig has credentials, but ${cluster.server} is not https: they would be sent in the clear`,
    );
  }
}
