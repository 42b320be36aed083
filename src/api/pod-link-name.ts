/**
 * Name of the host end of an attachment's veth: `eni` and the first 11 hex digits of sha1(`NAMESPACE.POD`), as TKE names it, so that
 * people find a pod's link by its name. `.IFNAME` is appended to the text for any interface but eth0, and the container's id stands
 * for the pod where the caller is not a kubelet.
 */
export function podLinkName({
  pod,
  containerId,
  ifName,
}: {
  readonly pod: { readonly namespace: string; readonly name: string } | undefined;
  readonly containerId: string;
  readonly ifName: string;
}): string {
  const owner = pod === undefined ? containerId : `${pod.namespace}.${pod.name}`;
  const text = ifName === "eth0" ? owner : `${owner}.${ifName}`;
  return `eni${new Bun.CryptoHasher("sha1").update(text).digest("hex").slice(0, 11)}`;
}
