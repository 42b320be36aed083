import type { CloudState, Effect, Eni, Instance } from "./state.ts";

/** Whether the network interface has a link in its machine: attached, and the machine has power and a kernel. */
export function isPlugged(state: CloudState, eni: Eni): boolean {
  const instance = state.instances.get(eni.attachment?.instanceId ?? "");
  return instance !== undefined && hasPower(instance) && eni.state !== "ATTACHING";
}

/** Whether the machine runs in a kernel here. */
export function hasPower(instance: Instance): boolean {
  return instance.state === "RUNNING" && instance.host !== undefined;
}

/** What makes the network interface's link appear in the machine, with the addresses that are ready. */
export function plugEffects(instance: Instance, eni: Eni): Effect[] {
  if (instance.host === undefined || instance.state !== "RUNNING") {
    return [];
  }
  const { netns, device } = instance.host;
  const { eniId, mac } = eni;
  const ready = eni.addresses.filter((it) => it.state === "AVAILABLE").map((it) => it.address);
  return [
    { kind: "plug", eniId, instanceId: instance.instanceId, mac, netns, ...(eni.primary ? { device } : {}) },
    { kind: "assign", eniId, addresses: ready },
  ];
}
