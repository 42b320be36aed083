import { takesOwnOnly } from "../api/takes-own-only.ts";
import type { NetworkConfiguration } from "../cni/network-configuration.ts";

/** Capability by which a runtime hands a pod's annotations on (CNI conventions, "Dynamic Plugin specific Fields"). */
const CAPABILITY = "io.kubernetes.cri.pod-annotations";

/**
 * Whether the pod keeps its address under its name, or says which it may have: such a pod waits for that one, and takes no other meanwhile.
 * @throws CniError 7 where what the runtime hands on is of another type
 */
export function keepsAddress({ own }: NetworkConfiguration): boolean {
  const annotations = own.object("runtimeConfig")?.object(CAPABILITY);
  return takesOwnOnly((key) => annotations?.string(key));
}
