import { CloudError } from "./cloud-error.ts";
import { findSubnet } from "./find.ts";
import { formatIpv4, parseIpv4 } from "./ipv4.ts";
import type { CloudState, Step } from "./state.ts";
import { chooseAddresses, returnAddresses, takeAddresses } from "./subnet-addresses.ts";

/** Addresses of a subnet, by name or by number. */
export interface OutsiderRequest {
  readonly subnetId: string;
  readonly addresses: readonly string[];
  readonly count: number;
}

/**
 * Somebody who is none of the network interfaces takes addresses of a subnet: a load balancer, a database.
 *
 * @returns the addresses
 * @throws CloudError as findSubnet, takeAddresses and chooseAddresses
 */
export function takeForOutsider(state: CloudState, request: OutsiderRequest): Step<readonly string[]> {
  const named = takeAddresses(findSubnet(state, request.subnetId), request.addresses);
  const chosen = chooseAddresses(named, request.count);
  const all = [...request.addresses, ...chosen];
  const taken = takeAddresses(named, chosen);
  const subnet = { ...taken, outsiders: taken.outsiders.with(all.flatMap((it) => parseIpv4(it) ?? [])) };
  return {
    state: { ...state, subnets: state.subnets.with(subnet.subnetId, subnet) },
    answer: all,
    effects: [],
  };
}

/**
 * Such a one gives addresses back: those named, and that many more of what outsiders have, lowest first.
 *
 * @returns the addresses
 * @throws CloudError as findSubnet; ResourceNotFound for addresses that no outsider has
 */
export function giveBackFromOutsider(state: CloudState, request: OutsiderRequest): Step<readonly string[]> {
  const subnet = findSubnet(state, request.subnetId);
  const foreign = request.addresses.find((it) => !subnet.outsiders.has(parseIpv4(it) ?? Number.NaN));
  if (foreign !== undefined) {
    throw new CloudError(
      "ResourceNotFound",
      `No outsider has the address "${foreign}" of ${subnet.subnetId}.`,
    );
  }
  const others = [...subnet.outsiders].map(formatIpv4).filter((it) => !request.addresses.includes(it));
  if (others.length < request.count) {
    throw new CloudError(
      "ResourceNotFound",
      `Outsiders have ${subnet.outsiders.size} addresses of ${subnet.subnetId}; ${request.addresses.length + request.count} cannot be given back.`,
    );
  }
  const all = [...request.addresses, ...others.slice(0, request.count)];
  const left = subnet.outsiders.without(all.flatMap((it) => parseIpv4(it) ?? []));
  const changed = { ...returnAddresses(subnet, all), outsiders: left };
  return {
    state: { ...state, subnets: state.subnets.with(subnet.subnetId, changed) },
    answer: all,
    effects: [],
  };
}
