import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Certificate, CertificateAuthority } from "./certificates.ts";
import { componentKubeconfig } from "./cluster-certificates.ts";
import { configurationFolder, kubeconfigPath } from "./folders.ts";
import { kubectl } from "./kubectl.ts";
import { extenderServiceAddress } from "./service-network.ts";

/** What docs/how-to/fixed-addresses.md has a person put on the control plane. */
const shipped = join(import.meta.dir, "..", "..", "k8s", "overlays", "static", "kube-scheduler.yaml");

/** By which kube-scheduler and its extender know each other. */
export interface ExtenderCertificates {
  /** Path of the authority of both. */
  readonly authority: string;
  /** What the extender shows. */
  readonly serving: Certificate;
  /** What kube-scheduler shows. */
  readonly client: Certificate;
}

/** Makes the certificates of both, with the names that they are to have. */
export async function issueExtenderCertificates(
  authority: CertificateAuthority,
): Promise<ExtenderCertificates> {
  const serving = await authority.issue({
    name: "tke-eni-ip-scheduler",
    commonName: "tke-eni-ip-scheduler",
    usage: "serverAuth",
    alternativeNames: ["DNS:tke-eni-ip-scheduler.kube-system.svc"],
  });
  const client = await authority.issue({
    name: "extender-client",
    commonName: "system:kube-scheduler",
    usage: "clientAuth",
  });
  return { authority: authority.certificate, serving, client };
}

/**
 * The text of kube-scheduler's configuration as it ships, its address and paths filled in.
 *
 * @param options.extender where the extender is reached, HOST:PORT
 * @throws where the file has not what is to be filled in: then it is another than this was written for
 */
export async function schedulerConfiguration(options: {
  readonly extender: string;
  readonly kubeconfig: string;
  readonly certificates: Pick<ExtenderCertificates, "authority" | "client">;
}): Promise<string> {
  const { authority, client } = options.certificates;
  let text = await readFile(shipped, "utf8");
  for (const [placeholder, value] of [
    ["//CLUSTER_IP:80/", `//${options.extender}/`],
    ["/etc/kubernetes/scheduler.conf", options.kubeconfig],
    ["/etc/kubernetes/tke-eni/ca.crt", authority],
    ["/etc/kubernetes/tke-eni/client.crt", client.certificate],
    ["/etc/kubernetes/tke-eni/client.key", client.key],
  ] as const) {
    if (!text.includes(placeholder)) throw new Error(`${shipped} has no ${placeholder}`);
    text = text.replaceAll(placeholder, value);
  }
  return text;
}

/** Writes the configuration of the cluster's kube-scheduler, which reaches the extender by its Service, and returns its path. */
export async function writeSchedulerConfiguration(certificates: ExtenderCertificates): Promise<string> {
  const path = join(configurationFolder, "kube-scheduler.yaml");
  await writeFile(
    path,
    await schedulerConfiguration({
      extender: `${extenderServiceAddress}:80`,
      kubeconfig: componentKubeconfig("kube-scheduler"),
      certificates,
    }),
  );
  return path;
}

/** Makes the Secret that the extender's pods wait for. */
export async function createExtenderSecret({ authority, serving }: ExtenderCertificates): Promise<void> {
  await kubectl(kubeconfigPath, [
    ...["-n", "kube-system", "create", "secret", "generic", "tke-eni-ip-scheduler-tls"],
    `--from-file=tls.crt=${serving.certificate}`,
    `--from-file=tls.key=${serving.key}`,
    `--from-file=ca.crt=${authority}`,
  ]);
}
