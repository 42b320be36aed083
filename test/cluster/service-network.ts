/** Where the ClusterIPs of Services are from. */
export const serviceCidr = "172.20.0.0/16";

/** The Service `kubernetes`: always the first address. */
export const kubernetesServiceAddress = "172.20.0.1";

/** Where pods look for DNS; there is none. */
export const dnsServiceAddress = "172.20.0.10";
