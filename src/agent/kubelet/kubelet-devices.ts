import { createClient } from "@connectrpc/connect";
import { ENI_IP_RESOURCE } from "../../api/extended-resources.ts";
import {
  type ContainerDevices,
  PodResourcesLister,
} from "../../gen/kubelet/podresources/v1/pod_resources_pb.ts";
import type { Slots } from "./slots.ts";
import { unixTransport } from "./unix-transport.ts";

const TIMEOUT_MS = 2_000;

/** What the kubelet says of our slots. Each call is answered by it or fails: no answer is never taken for "none". */
export interface KubeletDevices {
  /** Slots that pods hold, each with the `namespace/name` of its pod. A kubelet that has just started knows no pods yet. */
  held(signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** Slots that it may hand to pods, those held included: what it has taken in of what it was sent. */
  known(signal: AbortSignal): Promise<Slots>;
}

/** Asks the kubelet's PodResources API on `socket`. */
export function kubeletDevices(socket: string): KubeletDevices {
  const client = createClient(PodResourcesLister, unixTransport(socket, { timeoutMs: TIMEOUT_MS }));
  return {
    async held(signal) {
      const { podResources } = await client.list({}, { signal });
      return new Map(
        podResources.flatMap(({ namespace, name, containers }) => {
          const slots = slotsAmong(containers.flatMap(({ devices }) => devices));
          return [...slots].map((slot) => [slot, `${namespace}/${name}`] as const);
        }),
      );
    },
    async known(signal) {
      return slotsAmong((await client.getAllocatableResources({}, { signal })).devices);
    },
  };
}

function slotsAmong(devices: readonly ContainerDevices[]): Slots {
  const ours = devices.filter((device) => device.resourceName === ENI_IP_RESOURCE);
  return new Set(ours.flatMap((device) => device.deviceIds));
}
