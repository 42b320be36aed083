import { NETWORK_NAME } from "../../api/agent-paths.ts";

export interface ConflistOptions {
  /** Socket of the address API for plugins. */
  socket: string;
  /** Folder for releases that plugins cannot tell. */
  releases: string;
  /** Chain `portmap`, for pods with a hostPort. */
  portMapping: boolean;
  /** Chain `bandwidth`, for pods with bandwidth annotations. */
  bandwidth: boolean;
}

/**
 * The CNI configuration list of the node.
 *
 * Version 1.0.0, the highest that containerd 1.7 takes; nothing of 1.1.0 is used. CHECK and GC are switched off since
 * the plugins refuse them. The runtime is asked for the pod's annotations, by which a pod chooses its network.
 */
export function conflist({ socket, releases, portMapping, bandwidth }: ConflistOptions): string {
  const list = {
    cniVersion: "1.0.0",
    name: NETWORK_NAME,
    disableCheck: true,
    disableGC: true,
    plugins: [
      {
        type: "tke-route-eni",
        capabilities: { "io.kubernetes.cri.pod-annotations": true },
        ipam: { type: "tke-eni-ipamc", backend: `unix://${socket}`, releases },
      },
      ...(portMapping ? [{ type: "portmap", capabilities: { portMappings: true } }] : []),
      ...(bandwidth ? [{ type: "bandwidth", capabilities: { bandwidth: true } }] : []),
    ],
  };
  return `${JSON.stringify(list, null, 2)}\n`;
}
