/** Tags on every ENI of ours. An ENI without our cluster id and UID is somebody else's and never touched. */
export const ENI_TAGS = {
  /** Name of the cluster, from `--cluster-id`. */
  clusterId: "tke-eni/cluster-id",
  /** UID of the namespace `kube-system`: tells two clusters of one id apart. */
  clusterUid: "tke-eni/cluster-uid",
  /** Name of the Node that the ENI was made for. */
  node: "tke-eni/node",
  /** Nonce of the intent that it was made by; also in the ENI's name. Finds the ENI again when the answer was lost. */
  nonce: "tke-eni/nonce",
} as const;
