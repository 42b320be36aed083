/** Whose attachment it is, as the kubelet tells in CNI_ARGS. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  /** Empty from runtimes that do not tell it. */
  readonly uid: string;
}

/** The pod in CNI_ARGS; undefined when the caller is not a kubelet (cnitool). */
export function podOf(args: ReadonlyMap<string, string>): Pod | undefined {
  const namespace = args.get("K8S_POD_NAMESPACE") ?? "";
  const name = args.get("K8S_POD_NAME") ?? "";
  if (namespace === "" || name === "") return undefined;
  return { namespace, name, uid: args.get("K8S_POD_UID") ?? "" };
}
