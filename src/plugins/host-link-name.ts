import { podLinkName } from "../api/pod-link-name.ts";
import type { AttachmentParameters } from "../cni/environment.ts";
import { podOf } from "../cni/pod.ts";

/** Name of the host end of an attachment's veth; the container's id stands for the pod where the caller is not a kubelet. */
export function hostLinkName({
  args,
  containerId,
  ifName,
}: Pick<AttachmentParameters, "args" | "containerId" | "ifName">): string {
  return podLinkName({ pod: podOf(args), containerId, ifName });
}
