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
 * `cniVersion` is what every containerd takes that people run. Of `cniVersions` libcni takes the highest that it knows, from 1.2 on
 * (`NetworkConfFromBytes` in libcni/conf.go; containerd 2), and an older one does not read it: so STATUS and GC are asked for where they
 * are known. CHECK and GC are not switched off. No containerd up to 2.2 calls them; a runtime that calls GC gives its list of valid
 * attachments, of which libcni itself deletes whatever else it remembers of this network before it asks the plugins
 * (`GCNetworkList` in libcni/api.go).
 */
export function conflist({ socket, releases, portMapping, bandwidth }: ConflistOptions): string {
  const list = {
    cniVersion: "1.0.0",
    cniVersions: ["0.3.1", "0.4.0", "1.0.0", "1.1.0"],
    name: NETWORK_NAME,
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
