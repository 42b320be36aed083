import { CniError, CODES } from "../cni/error.ts";
import type { AllocateResponse } from "../gen/tke/eni/agent/v1/address_pb.ts";
import { AF_INET, type IpAddress, parseIpAddress } from "../netlink/ip-address.ts";
import type { OnWire } from "./on-wire.ts";

/** What the agent gave to an attachment. */
export interface Allocation {
  readonly addresses: readonly AllocatedAddress[];
  /** Group of the host end of the pod's veth. */
  readonly group: number;
  /** Routing table of the pods' routes. */
  readonly podsTable: number;
  readonly mtu: number;
}

export interface AllocatedAddress {
  readonly address: IpAddress;
  /** Source of the host's route to the pod. */
  readonly nodeAddress: IpAddress;
}

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
    addresses: addresses.map(({ address, nodeAddress }) => ({
      address: parseAddress("address", address),
      nodeAddress: parseAddress("nodeAddress", nodeAddress),
    })),
    group,
    podsTable,
    mtu,
  };
}

function parseAddress(field: string, text: string | undefined): IpAddress {
  try {
    const address = parseIpAddress(text ?? "");
    if (address.family === AF_INET) return address;
  } catch {
    // The error below tells the same, and who sent it.
  }
  throw senseless(field, text);
}

function senseless(field: string, value: unknown): CniError {
  return new CniError(
    CODES.agentFailure,
    `tke-eni-agent answered ${field} ${JSON.stringify(value)}: plugin and agent of this node must be of one release`,
  );
}
