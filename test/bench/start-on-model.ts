import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTemporaryFolder } from "../../tools/build/temporary-folder.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { issueExtenderCertificates } from "../cluster/scheduler-extender.ts";
import { ExtenderProcess } from "./extender-process.ts";
import { type ClusterSize, FixedAddressCluster } from "./fixed-address-cluster.ts";
import { serveModel } from "./model-over-http.ts";

/**
 * Starts an extender that watches a cluster of this size on a model API server in this process.
 *
 * @param argv what runs it
 * @param started takes everything away again
 */
export async function startOnModel(
  argv: readonly string[],
  { started, ...size }: ClusterSize & { started: AsyncDisposableStack },
): Promise<{ cluster: FixedAddressCluster; extender: ExtenderProcess }> {
  const folder = await createTemporaryFolder(tmpdir(), "tke-eni-bench-extender");
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  const cluster = new FixedAddressCluster(size);
  const server = serveModel(cluster.model);
  started.defer(() => server.stop());
  const kubeconfig = await writeKubeconfigWithoutUser(join(folder, "kubeconfig"), server.url);
  const authority = await createCertificateAuthority(join(folder, "certificates"));
  const certificates = await issueExtenderCertificates(authority);
  const extender = await ExtenderProcess.start(argv, { kubeconfig, certificates, folder });
  started.defer(() => extender.stop());
  return { cluster, extender };
}

/** The model API server asks nobody who they are. */
async function writeKubeconfigWithoutUser(path: string, server: string): Promise<string> {
  const document = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "model", cluster: { server } }],
    users: [{ name: "model", user: {} }],
    contexts: [{ name: "model", context: { cluster: "model", user: "model" } }],
    "current-context": "model",
  };
  await writeFile(path, JSON.stringify(document));
  return path;
}
