/** Extended resource of one address on a shared ENI: what a pod requests, and what the agent's device plugin offers. */
export const ENI_IP_RESOURCE = "tke.cloud.tencent.com/eni-ip";
