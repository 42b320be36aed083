import { CniError, CODES } from "../cni/error.ts";
import { JsonObject } from "../cni/json-object.ts";
import { parseResult } from "../cni/parse-result.ts";
import type { Result, ResultDns } from "../cni/result.ts";
import { type IpPrefix, parseIpPrefix } from "../netlink/ip-address.ts";
import { TABLE_MAIN } from "../netlink/route.ts";
import type { Allocation } from "../pod-link/allocation.ts";
import { delegate } from "./delegate.ts";
import type { AttachmentCall } from "./plugin.ts";

/** Without an agent nobody knows the MTU of the way out. */
const DEFAULT_MTU = 1500;

/**
 * Has another IPAM plugin give addresses. One that fails is asked to take back what it may have given, as the specification demands.
 * @throws CniError the plugin's own, or 103 for a result that makes no sense.
 */
export async function allocateDelegated(
  call: AttachmentCall,
  executable: string,
): Promise<{ allocation: Allocation; dns: ResultDns | undefined }> {
  try {
    const output = await delegate(call, { executable });
    const result = parseAnswer(output, executable);
    return { allocation: allocationOf(result, call), dns: result.dns };
  } catch (error) {
    await releaseDelegated(call, executable).catch(() => {});
    throw error;
  }
}

/** Has another IPAM plugin take back what it gave. @throws CniError the plugin's own */
export async function releaseDelegated(call: AttachmentCall, executable: string): Promise<void> {
  await delegate(call, { executable, command: "DEL" });
}

/**
 * What a pod has by the result of another IPAM plugin. Its link is of no group and its route is in main: what it sends is routed as
 * what any link of the host brings in. Its routes lead to the subnets of its addresses and to where the plugin says, all of them by the
 * one next hop that is there.
 */
export function allocationOf(
  { ips, routes }: Result,
  { configuration }: Pick<AttachmentCall, "configuration">,
): Allocation {
  const addresses = ips.map(({ address }) => parsePrefix(address));
  if (addresses.length === 0) {
    throw new CniError(
      CODES.delegateFailure,
      "the IPAM plugin's result has no ips, and a pod needs an address",
    );
  }
  return {
    addresses: addresses.map(({ address }) => ({ address, nodeAddress: undefined })),
    group: 0,
    podsTable: TABLE_MAIN,
    mtu: configuration.own.integer("mtu", { min: 68, max: 65535 }) ?? DEFAULT_MTU,
    destinations: [
      ...addresses.filter(isSubnet).map(networkOf),
      ...routes.map(({ dst }) => parsePrefix(dst)),
    ],
  };
}

function parseAnswer(output: string, executable: string): Result {
  try {
    return parseResult(JsonObject.parse(output, `the result of ${executable}`));
  } catch (error) {
    throw new CniError(CODES.delegateFailure, (error as Error).message);
  }
}

function parsePrefix(text: string): IpPrefix {
  try {
    return parseIpPrefix(text);
  } catch (error) {
    throw new CniError(CODES.delegateFailure, `the IPAM plugin's result: ${(error as Error).message}`);
  }
}

function isSubnet({ address, length }: IpPrefix): boolean {
  return length < 8 * address.bytes.length;
}

/** The prefix with nothing behind its length: the kernel takes no other for a route. */
function networkOf({ address, length }: IpPrefix): IpPrefix {
  const bytes = address.bytes.map((byte, at) => {
    const kept = Math.min(8, Math.max(0, length - 8 * at));
    return byte & (0xff << (8 - kept)) & 0xff;
  });
  return { address: { family: address.family, bytes }, length };
}
