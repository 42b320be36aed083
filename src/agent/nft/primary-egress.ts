/** Link-local services of the cloud: metadata, DNS, API servers, registries. */
export const LINK_LOCAL = "169.254.0.0/16";

/** What pods send by the node's primary interface, with the node's address, instead of by their ENI with their own. */
export interface PrimaryEgress {
  /** Which interface what goes to link-local addresses leaves by. */
  linkLocal: "primary" | "eni";
  /** Undefined: nothing else. Else whatever is not excepted, as ip-masq-agent has it. */
  masquerade: Masquerade | undefined;
}

/** IPv4 blocks in CIDR notation. */
export interface Masquerade {
  /** Destinations that see the pod's address. */
  exceptTo: readonly string[];
  /** Pods that are seen by their address everywhere. */
  exceptFrom: readonly string[];
}
