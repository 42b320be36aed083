import { CloudError } from "./cloud-error.ts";
import { contains, formatIpv4, parseIpv4, sizeOf } from "./ipv4.ts";
import type { Subnet } from "./state.ts";

/** The first address after that of the network: the VPC's router. */
export function gatewayOf(subnet: Subnet): string {
  return formatIpv4(subnet.block.base + 1);
}

/** How many addresses network interfaces can have: all but those of the network, the gateway and the broadcast. */
export function totalAddresses(subnet: Subnet): number {
  return sizeOf(subnet.block) - 3;
}

/** How many of them nobody has. */
export function availableAddresses(subnet: Subnet): number {
  return totalAddresses(subnet) - subnet.taken.size;
}

/**
 * The subnet with these addresses taken.
 *
 * @throws CloudError for text that is no address (InvalidParameterValue.Malformed), an address of elsewhere
 *   (InvalidParameterValue.Range), one that the cloud keeps (InvalidParameterValue.Reserved), one named twice
 *   (InvalidParameterValue.DuplicatePara) or one that somebody has (ResourceInUse)
 */
export function takeAddresses(subnet: Subnet, addresses: readonly string[]): Subnet {
  const values = new Set<number>();
  for (const address of addresses) {
    const value = parseIpv4(address);
    if (value === undefined) {
      throw new CloudError(
        "InvalidParameterValue.Malformed",
        `The address "${address}" is not an IPv4 address.`,
      );
    }
    if (!contains(subnet.block, value)) {
      throw new CloudError(
        "InvalidParameterValue.Range",
        `The address ${address} is not in ${subnet.subnetId}.`,
      );
    }
    if (isReserved(subnet, value)) {
      throw new CloudError(
        "InvalidParameterValue.Reserved",
        `The address ${address} is reserved in ${subnet.subnetId}.`,
      );
    }
    if (subnet.taken.has(value)) {
      throw new CloudError("ResourceInUse", `The address ${address} of ${subnet.subnetId} is in use.`);
    }
    if (values.has(value)) {
      throw new CloudError("InvalidParameterValue.DuplicatePara", `The address ${address} is named twice.`);
    }
    values.add(value);
  }
  return { ...subnet, taken: subnet.taken.with(values) };
}

/**
 * The lowest free addresses of the subnet: an address that was just given back comes again at once, which is hard on
 * callers and meant to be.
 *
 * @throws CloudError ResourceInsufficient.Subnet where there are not so many
 */
export function chooseAddresses(subnet: Subnet, count: number): string[] {
  if (count > availableAddresses(subnet)) {
    throw new CloudError(
      "ResourceInsufficient.Subnet",
      `The subnet ${subnet.subnetId} has ${availableAddresses(subnet)} addresses left, ${count} are needed.`,
    );
  }
  // Among so many there may be the three that the cloud keeps.
  return subnet.taken
    .lowestMissing(count + 3)
    .filter((value) => !isReserved(subnet, value))
    .slice(0, count)
    .map(formatIpv4);
}

/** The subnet with these addresses free again. */
export function returnAddresses(subnet: Subnet, addresses: readonly string[]): Subnet {
  return { ...subnet, taken: subnet.taken.without(addresses.flatMap((it) => parseIpv4(it) ?? [])) };
}

function isReserved(subnet: Subnet, value: number): boolean {
  const { base } = subnet.block;
  return value === base || value === base + 1 || value === base + sizeOf(subnet.block) - 1;
}
