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
 * The CNI configuration list of the node, as text. The runtime is asked for the pod's annotations, by which a pod chooses its
 * network.
 *
 * Version 1.0.0 is what every containerd takes that people run; its libcni speaks 1.1.0 only from 2.0 on, and then asks each
 * plugin of the list for STATUS, whose failure makes the node NotReady. CHECK is switched off since the plugins refuse it, and
 * so is GC, by which libcni of any version deletes what it does not remember itself.
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
      // A pod that calls its own node's hostPort would get its answer from an address that it did not call.
      ...(portMapping ? [{ type: "portmap", capabilities: { portMappings: true }, snat: true }] : []),
      ...(bandwidth ? [{ type: "bandwidth", capabilities: { bandwidth: true } }] : []),
    ],
  };
  return `${JSON.stringify(list, null, 2)}\n`;
}
