import { CloudError } from "./cloud-error.ts";
import {
  type AddressWish,
  checkAddressQuota,
  checkNamedAddresses,
  detachedAddressQuota,
  pendingAddress,
} from "./create-network-interface.ts";
import { findIdleEni, findSubnet } from "./find.ts";
import type { CloudState, Eni, Occasion, PrivateAddress, Step } from "./state.ts";
import { chooseAddresses, takeAddresses } from "./subnet-addresses.ts";
import { latencyOf, startJob } from "./task.ts";

export interface AssignRequest {
  readonly eniId: string;
  /** At most ten. */
  readonly addresses: readonly AddressWish[];
  /** How many more the cloud shall choose; only the quota bounds it. */
  readonly count: number;
}

/**
 * AssignPrivateIpAddresses: the addresses are taken at once, PENDING until the latency has passed, and only then may be
 * used.
 *
 * @returns the new addresses
 * @throws CloudError as findIdleEni, takeAddresses and chooseAddresses; InvalidParameterValue.LimitExceeded,
 *   LimitExceeded, UnsupportedOperation.PrimaryIp for a second primary address
 */
export function assignPrivateAddresses(
  state: CloudState,
  request: AssignRequest,
  occasion: Occasion,
): Step<readonly PrivateAddress[]> {
  const eni = findIdleEni(state, request.eniId);
  checkNamedAddresses(request.addresses);
  if (request.addresses.some((wish) => wish.primary === true)) {
    throw new CloudError(
      "UnsupportedOperation.PrimaryIp",
      `The network interface ${eni.eniId} has its primary address.`,
    );
  }
  checkAddressQuota(
    eni.addresses.length + request.addresses.length + request.count,
    addressQuota(state, eni),
  );

  const named = takeAddresses(
    findSubnet(state, eni.subnetId),
    request.addresses.map((wish) => wish.address),
  );
  const chosen = chooseAddresses(named, request.count);
  const added = [...request.addresses, ...chosen.map((address) => ({ address }))].map(pendingAddress);
  const job = {
    taskId: occasion.requestId,
    eniId: eni.eniId,
    due: occasion.now + latencyOf(state, "AssignPrivateIpAddresses"),
    work: { kind: "assign" as const, addresses: added.map((it) => it.address) },
  };
  const subnets = state.subnets.with(eni.subnetId, takeAddresses(named, chosen));
  const changed = { ...eni, addresses: [...eni.addresses, ...added] };
  return {
    state: startJob({ ...state, subnets }, changed, { job, fate: occasion.fate }),
    answer: added,
    effects: [],
  };
}

/** How many addresses the interface may have, its primary one included. */
export function addressQuota(state: CloudState, eni: Eni): number {
  const instance = state.instances.get(eni.attachment?.instanceId ?? "");
  return instance?.type.addressesPerEni ?? detachedAddressQuota;
}
