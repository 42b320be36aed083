/** On a Node from when it joins until it has an address to give, and while it can neither give nor get one. */
export const ENI_IP_UNAVAILABLE_TAINT = {
  key: "tke.cloud.tencent.com/eni-ip-unavailable",
  value: "true",
  effect: "NoSchedule",
} as const;

/** Condition of a Node beside the taint: True as long as the taint is there, its message says why and what to do. */
export const ENI_IP_UNAVAILABLE_CONDITION = "ENIIPUnavailable";
