import { formatIpv4 } from "../vpc/ipv4.ts";
import type { CloudState } from "../vpc/state.ts";
import { availableAddresses, totalAddresses } from "../vpc/subnet-addresses.ts";
import type { StateAnswer } from "./messages.ts";

/** The cloud as GET /v1/state shows it. */
export function renderState(state: CloudState): StateAnswer {
  return {
    subnets: [...state.subnets.values()].map((it) => ({
      subnetId: it.subnetId,
      total: totalAddresses(it),
      available: availableAddresses(it),
      outsiders: [...it.outsiders].map(formatIpv4),
    })),
    instances: [...state.instances.values()].map((it) => ({
      instanceId: it.instanceId,
      name: it.name,
      state: it.state,
      zone: it.zone,
      privateIp: it.privateAddress,
    })),
    enis: [...state.enis.values()].map((it) => ({
      eniId: it.eniId,
      name: it.name,
      mac: it.mac,
      subnetId: it.subnetId,
      primary: it.primary,
      state: it.state,
      instanceId: it.attachment?.instanceId ?? null,
      tags: Object.fromEntries(it.tags.map((tag) => [tag.key, tag.value])),
      addresses: it.addresses.map(({ address, primary, state }) => ({ address, primary, state })),
    })),
    runningTasks: state.jobs.size,
  };
}
