/** ConfigMap that names the VPC and the container subnets; followed while ipamd runs. */
export const CLUSTER_CONFIGURATION = {
  namespace: "kube-system",
  name: "tke-eni-ipamd",
  keys: {
    vpcId: "TKE_ENI_IPAMD_VPC_ID",
    /** Ids joined by colons. */
    subnetIds: "TKE_ENI_IPAMD_SUBNET_ID",
  },
} as const;
