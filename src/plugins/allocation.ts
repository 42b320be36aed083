import { CniError, CODES } from "../cni/error.ts";
import type { AllocateResponse, PodAddress } from "../gen/tke/eni/agent/v1/address_pb.ts";
import { AF_INET, type IpAddress, parseIpAddress } from "../netlink/ip-address.ts";
import type { AllocatedAddress, Allocation } from "../pod-link/allocation.ts";
import type { OnWire } from "./on-wire.ts";

/**
 * Checks an answer of the agent, which has left out every field that is zero.
 * @throws CniError 100 naming the field that makes no sense.
 */
export function parseAllocation(response: OnWire<AllocateResponse>): Allocation {
  const { addresses = [], group = 0, podsTable = 0, mtu = 0 } = response;
  if (addresses.length === 0) throw senseless("addresses", addresses);
  // Group 0 holds every link of the node that was given no other, and table 0 means none.
  if (group === 0) throw senseless("group", group);
  if (podsTable === 0) throw senseless("podsTable", podsTable);
  if (mtu === 0) throw senseless("mtu", mtu);
  return {
    addresses: addresses.map(parseAllocatedAddress),
    group,
    podsTable,
    mtu,
  };
}

function parseAllocatedAddress({
  address: text,
  nodeAddress: nodeText = "",
}: OnWire<PodAddress>): AllocatedAddress {
  const address = parseAddress("address", text);
  // A node need not have an IPv6 address of its own: its link-local ones do.
  if (nodeText === "" && address.family !== AF_INET) return { address, nodeAddress: undefined };
  const nodeAddress = parseAddress("nodeAddress", nodeText);
  if (nodeAddress.family !== address.family) throw senseless("nodeAddress", nodeText);
  return { address, nodeAddress };
}

function parseAddress(field: string, text: string | undefined): IpAddress {
  try {
    return parseIpAddress(text ?? "");
  } catch {
    throw senseless(field, text);
  }
}

function senseless(field: string, value: unknown): CniError {
  return new CniError(
    CODES.agentFailure,
    `tke-eni-agent answered ${field} ${JSON.stringify(value)}: plugin and agent of this node must be of one release`,
  );
}
