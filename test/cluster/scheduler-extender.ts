import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Certificate, CertificateAuthority } from "./certificates.ts";
import { componentKubeconfig } from "./cluster-certificates.ts";
import { configurationFolder, kubeconfigPath } from "./folders.ts";
import { kubectl } from "./kubectl.ts";
import { extenderServiceAddress } from "./service-network.ts";

/** What docs/how-to/fixed-addresses.md has a person put on the control plane. */
const shipped = join(import.meta.dir, "..", "..", "k8s", "overlays", "static", "kube-scheduler.yaml");

/** What kube-scheduler and its extender need to talk to each other. */
export interface ExtenderParts {
  /** Path of kube-scheduler's configuration. */
  readonly schedulerConfiguration: string;
  readonly authority: CertificateAuthority;
  /** What the extender shows. */
  readonly serving: Certificate;
}

/** Makes the certificates of both, and kube-scheduler's configuration out of the one that ships. */
export async function prepareExtender(authority: CertificateAuthority): Promise<ExtenderParts> {
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
  const schedulerConfiguration = join(configurationFolder, "kube-scheduler.yaml");
  await writeFile(
    schedulerConfiguration,
    fillIn(await readFile(shipped, "utf8"), [
      ["//CLUSTER_IP:", `//${extenderServiceAddress}:`],
      ["/etc/kubernetes/scheduler.conf", componentKubeconfig("kube-scheduler")],
      ["/etc/kubernetes/tke-eni/ca.crt", authority.certificate],
      ["/etc/kubernetes/tke-eni/client.crt", client.certificate],
      ["/etc/kubernetes/tke-eni/client.key", client.key],
    ]),
  );
  return { schedulerConfiguration, authority, serving };
}

/** Makes the Secret that the extender's pods wait for. */
export async function createExtenderSecret({ authority, serving }: ExtenderParts): Promise<void> {
  await kubectl(kubeconfigPath, [
    ...["-n", "kube-system", "create", "secret", "generic", "tke-eni-ip-scheduler-tls"],
    `--from-file=tls.crt=${serving.certificate}`,
    `--from-file=tls.key=${serving.key}`,
    `--from-file=ca.crt=${authority.certificate}`,
  ]);
}

/** @throws where the text has not what is to be replaced: then it is another than this was written for */
function fillIn(text: string, values: readonly (readonly [string, string])[]): string {
  let filled = text;
  for (const [placeholder, value] of values) {
    if (!filled.includes(placeholder)) throw new Error(`${shipped} has no ${placeholder}`);
    filled = filled.replaceAll(placeholder, value);
  }
  return filled;
}
