/** Where the ClusterIPs of Services are from. */
export const serviceCidr = "172.20.0.0/16";

/** The Service `kubernetes`: always the first address. */
export const kubernetesServiceAddress = "172.20.0.1";

/** The Service `tke-eni-ip-scheduler` of static mode, as k8s/overlays/simulated-static has it. */
export const extenderServiceAddress = "172.20.0.50";

/** Where pods look for DNS; there is none. */
export const dnsServiceAddress = "172.20.0.10";
