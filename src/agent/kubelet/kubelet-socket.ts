import { statSync } from "node:fs";
import { createClient } from "@connectrpc/connect";
import { ENI_IP_RESOURCE } from "../../api/extended-resources.ts";
import { Registration } from "../../gen/kubelet/deviceplugin/v1beta1/device_plugin_pb.ts";
import { unixTransport } from "./unix-transport.ts";

const API_VERSION = "v1beta1";
/** The kubelet dials the plugin before it answers, with a deadline of 10 s of its own. */
const TIMEOUT_MS = 12_000;

/** One life of the kubelet. */
export interface KubeletLife {
  /** Of its socket, which it makes anew at each start: an inode number alone would be given again. */
  readonly id: string;
  /** Wall clock, ms. */
  readonly since: number;
}

/** The kubelet's socket for device plugins. */
export interface KubeletSocket {
  /** The life that has made the socket which is there; undefined when there is none. */
  life(): KubeletLife | undefined;
  /** Announces a plugin, named by its socket in the kubelet's folder. @throws when the kubelet does not take it */
  register(endpoint: string, signal: AbortSignal): Promise<void>;
}

export function kubeletSocket(path: string): KubeletSocket {
  const client = createClient(Registration, unixTransport(path, { timeoutMs: TIMEOUT_MS }));
  return {
    life() {
      const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (stat === undefined) return undefined;
      return { id: `${stat.ino}-${stat.ctimeNs}`, since: Number(stat.ctimeMs) };
    },
    async register(endpoint, signal) {
      const request = { version: API_VERSION, endpoint, resourceName: ENI_IP_RESOURCE, options: {} };
      await client.register(request, { signal });
    },
  };
}
