import { CloudError } from "./cloud-error.ts";
import { type Dice, rollId, rollMac, rollUnused } from "./dice.ts";
import { findSubnet, findVpc } from "./find.ts";
import type { CloudState, Eni, Occasion, PrivateAddress, Step, Tag } from "./state.ts";
import { chooseAddresses, takeAddresses } from "./subnet-addresses.ts";
import { latencyOf, startJob } from "./task.ts";

/** An address that the caller names. */
export interface AddressWish {
  readonly address: string;
  readonly primary?: boolean;
  readonly description?: string;
}

/** What a network interface is made of. */
export interface EniWish {
  readonly vpcId: string;
  readonly subnetId: string;
  readonly name: string;
  readonly description: string;
  /** At most ten, one of them the primary address or none; where none is, the cloud chooses it. */
  readonly addresses: readonly AddressWish[];
  /** Secondary addresses that the cloud chooses. */
  readonly secondaryCount: number;
  /** Empty: the first that there is. */
  readonly groups: readonly string[];
  readonly tags: readonly Tag[];
}

/**
 * How many addresses a network interface of no machine may have: the largest quota of any type (`eni-max-private-ips`). The
 * machine's own quota is judged when it is attached.
 */
export const detachedAddressQuota = 40;

/** The most addresses that a request may name (VPC API, AssignPrivateIpAddresses). */
const namedAddressesLimit = 10;

/**
 * CreateNetworkInterface: the interface is PENDING, and so are its addresses, until the latency has passed.
 *
 * @throws CloudError as buildEni and checkVpcQuota
 */
export function createNetworkInterface(state: CloudState, wish: EniWish, occasion: Occasion): Step<Eni> {
  checkVpcQuota(state, wish.vpcId);
  const built = buildEni(state, wish, { now: occasion.now, quota: detachedAddressQuota });
  const due = occasion.now + latencyOf(state, "CreateNetworkInterface");
  const job = { taskId: occasion.requestId, eniId: built.eni.eniId, due, work: { kind: "create" as const } };
  return {
    state: startJob(built.state, built.eni, { job, fate: occasion.fate }),
    answer: built.eni,
    effects: [],
  };
}

/**
 * The state with the addresses of a new network interface taken, and the interface, which is not in the state yet.
 *
 * @param options.quota how many addresses it may have, its primary one included
 * @throws CloudError as takeAddresses and chooseAddresses; ResourceNotFound for a subnet or group that does not exist;
 *   UnsupportedOperation.VpcMismatch for a subnet of another VPC; InvalidParameterValue.LimitExceeded for more named
 *   addresses than a request may have; LimitExceeded for more addresses than the quota
 */
export function buildEni(
  state: CloudState,
  wish: EniWish,
  options: { now: number; quota: number },
): { state: CloudState; eni: Eni } {
  const subnet = findSubnet(state, wish.subnetId);
  if (subnet.vpcId !== wish.vpcId) {
    throw new CloudError(
      "UnsupportedOperation.VpcMismatch",
      `The subnet ${wish.subnetId} is not in ${wish.vpcId}.`,
    );
  }
  const groups = wish.groups.length > 0 ? wish.groups : state.settings.securityGroups.slice(0, 1);
  const unknown = groups.find((group) => !state.settings.securityGroups.includes(group));
  if (unknown !== undefined) {
    throw new CloudError("ResourceNotFound", `The security group ${unknown} does not exist.`);
  }
  checkNamedAddresses(wish.addresses);
  const named = takeAddresses(
    subnet,
    wish.addresses.map((it) => it.address),
  );
  const primaries = wish.addresses.filter((it) => it.primary === true);
  if (primaries.length > 1) {
    throw new CloudError(
      "InvalidParameterValue.Malformed",
      `${primaries.length} addresses are primary; one can be.`,
    );
  }
  const chosen = chooseAddresses(named, wish.secondaryCount + 1 - primaries.length);
  const secondary = wish.addresses.filter((it) => it.primary !== true);
  const primary = primaries[0] ?? { address: chosen[0] ?? "" };
  const rest = primaries.length === 0 ? chosen.slice(1) : chosen;
  const addresses = [
    pendingAddress({ ...primary, primary: true }),
    ...secondary.map(pendingAddress),
    ...rest.map((address) => pendingAddress({ address })),
  ];
  checkAddressQuota(addresses.length, options.quota);

  const eniId = rollUnused(
    (dice: Dice) => rollId(dice, "eni"),
    state.dice,
    (id) => state.enis.has(id),
  );
  const mac = rollUnused(rollMac, eniId.dice, (value) => state.macs.has(value));
  const eni: Eni = {
    eniId: eniId.value,
    name: wish.name,
    description: wish.description,
    vpcId: wish.vpcId,
    subnetId: wish.subnetId,
    zone: subnet.zone,
    mac: mac.value,
    primary: false,
    state: "PENDING",
    groups,
    tags: wish.tags,
    addresses,
    createdAt: options.now,
  };
  const subnets = state.subnets.with(subnet.subnetId, takeAddresses(named, chosen));
  return { state: { ...state, dice: mac.dice, subnets }, eni };
}

/**
 * Refuses another network interface in a VPC that has all that it may have.
 *
 * @throws CloudError LimitExceeded; ResourceNotFound for a VPC that does not exist
 */
export function checkVpcQuota(state: CloudState, vpcId: string): void {
  const { eniCount } = findVpc(state, vpcId);
  if (eniCount >= state.vpcMaxEnis) {
    throw new CloudError(
      "LimitExceeded",
      `The VPC ${vpcId} has ${eniCount} network interfaces; its quota is ${state.vpcMaxEnis} (vpc-max-enis).`,
    );
  }
}

/**
 * Refuses a request that names more addresses than the cloud takes at once.
 *
 * @throws CloudError InvalidParameterValue.LimitExceeded
 */
export function checkNamedAddresses(addresses: readonly unknown[]): void {
  if (addresses.length > namedAddressesLimit) {
    throw new CloudError(
      "InvalidParameterValue.LimitExceeded",
      `${addresses.length} addresses are named; a request may name ${namedAddressesLimit}. Ask by count for more.`,
    );
  }
}

/**
 * Refuses more addresses than a network interface may have, the primary one included.
 *
 * @throws CloudError LimitExceeded
 */
export function checkAddressQuota(count: number, quota: number): void {
  if (count > quota) {
    throw new CloudError(
      "LimitExceeded",
      `The network interface would have ${count} addresses; its quota is ${quota}.`,
    );
  }
}

/** An address on its way to a network interface. */
export function pendingAddress(wish: AddressWish): PrivateAddress {
  return {
    address: wish.address,
    primary: wish.primary ?? false,
    description: wish.description ?? "",
    state: "PENDING",
  };
}
