/** Annotations of a NodeENIConfig by which people tune one node; names, defaults and rules as TKE has them. */
export const NEC_ANNOTATIONS = {
  /** Addresses to keep ready beyond the pods; only together with the maximum, and at most that. */
  minWarm: "tke.cloud.tencent.com/route-eni-ip-min-warm-target",
  /** Addresses ready beyond the pods above which some are given back. */
  maxWarm: "tke.cloud.tencent.com/route-eni-ip-max-warm-target",
  /** At most this many shared ENIs. */
  maxEnis: "tke.cloud.tencent.com/route-eni-max-attach",
  /** At most this many secondary addresses on one ENI. */
  maxAddressesPerEni: "tke.cloud.tencent.com/max-ip-per-route-eni",
} as const;

/** Annotations of a Pod. */
export const POD_ANNOTATIONS = {
  /** `Never`: the pod's address stays under its name when the pod goes. `Immediate`, the default: it goes with it. */
  claimDeletePolicy: "tke.cloud.tencent.com/vpc-ip-claim-delete-policy",
  /** How long an address that is kept outlives its pod: a duration as Go writes it, of five minutes at least. */
  claimExpiredDuration: "tke.cloud.tencent.com/claim-expired-duration",
  /** The address that it wants to have. */
  nominatedAddress: "tke.cloud.tencent.com/nominated-vpc-ip",
  /** Subnets that its address may be of, separated by commas. */
  nominatedSubnets: "tke.cloud.tencent.com/nominated-eni-subnets",
} as const;

/** Annotations of a Node. */
export const NODE_ANNOTATIONS = {
  /** At most this many addresses in all. */
  maxAddresses: "tke.cloud.tencent.com/desired-route-eni-pod-num",
  /** `true` or `yes`: the node gets no ENIs. */
  disabled: "tke.cloud.tencent.com/disable-node-eni",
} as const;

/** Labels of a Node. */
export const NODE_LABELS = {
  /** Container subnets for new ENIs of the node: ids joined by dots or underscores, since a label holds no colon and no comma. */
  subnetIds: "tke.cloud.tencent.com/route-eni-subnet-ids",
} as const;
