import { addressQuota } from "./assign-private-addresses.ts";
import { CloudError } from "./cloud-error.ts";
import { checkAddressQuota } from "./create-network-interface.ts";
import { findIdleEni } from "./find.ts";
import { parseIpv4 } from "./ipv4.ts";
import { isPlugged } from "./plug.ts";
import type { CloudState, Effect, Eni, Occasion, Step } from "./state.ts";
import { latencyOf, startJob } from "./task.ts";

export interface MigrateRequest {
  readonly address: string;
  readonly from: string;
  readonly to: string;
}

/**
 * MigratePrivateIpAddress: the address is dead at once, MIGRATING on the interface that it leaves until the latency has passed, and
 * then AVAILABLE on the other one. Both are busy meanwhile. Codes are those that the SDK documents for the action.
 *
 * @throws CloudError as findIdleEni, for either interface; InvalidParameterValue.Malformed for text that is no address;
 *   UnauthorizedOperation.AttachmentNotFound for an address that the interface to leave does not have; UnsupportedOperation.PrimaryIp;
 *   UnsupportedOperation for interfaces of two subnets, or for one; LimitExceeded where the other has its quota
 */
export function migratePrivateAddress(
  state: CloudState,
  request: MigrateRequest,
  occasion: Occasion,
): Step<null> {
  const { address } = request;
  const from = findIdleEni(state, request.from);
  const to = findIdleEni(state, request.to);
  checkMove(from, to, address);
  checkAddressQuota(to.addresses.length + 1, addressQuota(state, to));

  const leaving: Eni = {
    ...from,
    addresses: from.addresses.map((it) => (it.address === address ? { ...it, state: "MIGRATING" } : it)),
  };
  const job = {
    taskId: occasion.requestId,
    eniId: from.eniId,
    due: occasion.now + latencyOf(state, "MigratePrivateIpAddress"),
    work: { kind: "migrate" as const, address, to: to.eniId },
  };
  const effects: Effect[] = isPlugged(state, from)
    ? [{ kind: "unassign", eniId: from.eniId, addresses: [address] }]
    : [];
  return { state: startJob(state, leaving, { job, fate: occasion.fate }), answer: null, effects };
}

function checkMove(from: Eni, to: Eni, address: string): void {
  if (parseIpv4(address) === undefined) {
    throw new CloudError(
      "InvalidParameterValue.Malformed",
      `The address "${address}" is not an IPv4 address.`,
    );
  }
  if (from.eniId === to.eniId) {
    throw new CloudError(
      "UnsupportedOperation",
      `The address ${address} cannot move from ${from.eniId} to itself.`,
    );
  }
  if (from.subnetId !== to.subnetId) {
    throw new CloudError(
      "UnsupportedOperation",
      `The network interfaces ${from.eniId} and ${to.eniId} are in two subnets, ${from.subnetId} and ${to.subnetId}.`,
    );
  }
  const found = from.addresses.find((it) => it.address === address);
  if (found === undefined) {
    throw new CloudError(
      "UnauthorizedOperation.AttachmentNotFound",
      `The network interface ${from.eniId} does not have the address ${address}.`,
    );
  }
  if (found.primary) {
    throw new CloudError(
      "UnsupportedOperation.PrimaryIp",
      `The address ${address} is the primary one of ${from.eniId}.`,
    );
  }
}
