import { existsSync, readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { type Clock, systemClock } from "../time/clock.ts";
import { CachedFile } from "./cached-file.ts";
import { credentialMaxAgeMs, type ServerAccess } from "./server-access.ts";

const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The access that every pod has: the API server's address from the environment (names may not resolve yet on a node whose
 * network we are), CA and token from the service account's folder, read again when they are rotated.
 *
 * @throws when the environment or the folder says that this is no pod
 */
export function inClusterAccess(
  options: { env?: Readonly<Record<string, string | undefined>>; folder?: string; clock?: Clock } = {},
): ServerAccess {
  const { env = process.env, folder = serviceAccountFolder, clock = systemClock } = options;
  const host = env["KUBERNETES_SERVICE_HOST"];
  const port = env["KUBERNETES_SERVICE_PORT"];
  if (!host || !port) {
    throw new Error(
      `KUBERNETES_SERVICE_HOST is "${host ?? ""}" and KUBERNETES_SERVICE_PORT "${port ?? ""}": this is no pod, name a kubeconfig`,
    );
  }
  const token = new CachedFile(`${folder}/token`, { clock, maxAgeMs: credentialMaxAgeMs });
  const ca = new CachedFile(`${folder}/ca.crt`, { clock, maxAgeMs: credentialMaxAgeMs });
  const namespaceFile = `${folder}/namespace`;
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    namespace: existsSync(namespaceFile) ? readFileSync(namespaceFile, "utf8").trim() : undefined,
    async credentials() {
      const bearer = (await token.text()).trim();
      return { headers: { authorization: `Bearer ${bearer}` }, tls: { ca: await ca.text() } };
    },
    forget() {
      token.forget();
      ca.forget();
    },
  };
}
