import { join } from "node:path";
import { type CertificateAuthority, createCertificateAuthority } from "./certificates.ts";
import { certificatesFolder, configurationFolder, kubeconfigPath } from "./folders.ts";
import { apiServerNames } from "./kube-apiserver-arguments.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { kubernetesServiceAddress } from "./service-network.ts";
import { apiServerUrl, controlPlane } from "./world.ts";

/** Makes the cluster's authority and the administrator's kubeconfig. */
export async function createClusterAuthority(): Promise<CertificateAuthority> {
  const authority = await createCertificateAuthority(certificatesFolder);
  await writeClusterKubeconfig(authority, kubeconfigPath, {
    name: "administrator",
    groups: ["system:masters"],
  });
  return authority;
}

/** Makes the certificate of the API server: for the address of its machine and of the Service `kubernetes`. */
export function issueApiServerCertificate(authority: CertificateAuthority) {
  return authority.issue({
    name: "kube-apiserver",
    commonName: "kube-apiserver",
    usage: "serverAuth",
    alternativeNames: apiServerNames(kubernetesServiceAddress, [`IP:${controlPlane.address}`]),
  });
}

/** Makes a client certificate for a user of the cluster and writes its kubeconfig to `path`, which is returned. */
export async function writeClusterKubeconfig(
  authority: CertificateAuthority,
  path: string,
  user: { readonly name: string; readonly groups?: readonly string[] },
): Promise<string> {
  const certificate = await authority.issue({
    name: `client-${user.name.replaceAll(":", "-")}`,
    commonName: user.name,
    organizations: user.groups ?? [],
    usage: "clientAuth",
  });
  return writeKubeconfig(path, {
    server: apiServerUrl,
    certificateAuthority: authority.certificate,
    user: certificate,
    name: "tke-eni",
  });
}

/** Where the kubeconfig of a component is. */
export function componentKubeconfig(component: string): string {
  return join(configurationFolder, `${component}.kubeconfig`);
}
