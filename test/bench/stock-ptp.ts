import { join } from "node:path";
import { CniPlugin } from "./cni-plugin.ts";

/** Stock ptp with host-local, as its documentation configures it, without masquerade: pods keep their addresses. */
export function stockPtp({
  name,
  folder,
  node,
  state,
}: {
  readonly name: string;
  /** Folder with both plugins. */
  readonly folder: string;
  /** Path of the node's namespace. */
  readonly node: string;
  /** Folder for host-local's files. */
  readonly state: string;
}): CniPlugin {
  return new CniPlugin({
    name,
    executable: join(folder, "ptp"),
    path: folder,
    node,
    configuration: ptpConfiguration(state),
  });
}

/** With what the addresses of its pods begin. */
export const PTP_PREFIX = "10.244.";

/** Its network configuration for one plugin. @param state folder for host-local's files */
export function ptpConfiguration(state: string) {
  return {
    cniVersion: "1.0.0",
    name: "bench-ptp",
    type: "ptp",
    mtu: 1500,
    ipam: {
      type: "host-local",
      dataDir: state,
      ranges: [[{ subnet: `${PTP_PREFIX}0.0/16` }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  };
}
