import { readFileSync } from "node:fs";
import { CniError, CODES } from "../cni/error.ts";
import { dumpAddresses } from "../netlink/address.ts";
import { type AddressFamily, AF_INET, AF_INET6 } from "../netlink/ip-address.ts";
import { getLink } from "../netlink/link.ts";
import { dumpNeighbours } from "../netlink/neighbour.ts";
import { dumpRoutes } from "../netlink/route.ts";
import { dumpRules } from "../netlink/rule.ts";
import { NetlinkSocket } from "../netlink/socket.ts";
import type { Allocation } from "../pod-link/allocation.ts";
import { isBeside } from "../pod-link/pod-network.ts";
import {
  attachmentDifferences,
  type ExpectedAttachment,
  type ObservedAttachment,
} from "./attachment-differences.ts";
import { type AgentRecord, readRecord, recordDifferences, resultToCheck } from "./check-record.ts";
import { delegate } from "./delegate.ts";
import { allocationOf } from "./delegated-allocation.ts";
import { hostLinkName } from "./host-link-name.ts";
import type { AnyIpam } from "./ipam-configuration.ts";
import type { AttachmentCall } from "./plugin.ts";

/** The agent mends within a second what somebody broke, and a runtime may take a failed CHECK for final. */
const LOOKS = 4;
const PAUSE_MS = 400;

/**
 * CHECK of tke-route-eni: links, addresses, routes and neighbours on both sides, the host's route, and what the agent says.
 * @throws CniError 3 when neither the agent nor the kernel has anything of it, 11 when only the agent's answer is missing, else 102
 * naming all that differs.
 */
export async function checkAttachment(call: AttachmentCall, ipam: AnyIpam): Promise<void> {
  const told = resultToCheck(call);
  const { attachment } = call;
  const { containerId, ifName, netns } = attachment;
  const hostName = hostLinkName(attachment);
  let failure: CniError | undefined;
  for (let look = 1; look <= LOOKS; look++) {
    if (look > 1) await Bun.sleep(PAUSE_MS);
    const { record, silence } = await ask(call, ipam);
    const allocation = ipam.type === "delegated" ? allocationOf(told, call) : record?.allocation;
    const expected: ExpectedAttachment = { containerId, ifName, netns, hostName, told, allocation };
    const found = observe(expected);
    const nothingThere = found.hostLink?.alias !== containerId && record?.unknown === true;
    const differences = [
      ...attachmentDifferences(expected, found),
      ...(record === undefined ? [] : recordDifferences(record, told)),
    ];
    failure = failureOf({ differences, silence, nothingThere });
    if (failure === undefined) return;
  }
  throw failure;
}

/** The agent's record, or why it is not known; another IPAM plugin tells nothing but its errors. */
async function ask(
  call: AttachmentCall,
  ipam: AnyIpam,
): Promise<{ record?: AgentRecord; silence?: CniError }> {
  try {
    if (ipam.type !== "delegated") return { record: await readRecord(call, ipam) };
    await delegate(call, { executable: ipam.executable });
    return {};
  } catch (error) {
    if (error instanceof CniError) return { silence: error };
    throw error;
  }
}

function failureOf({
  differences,
  silence,
  nothingThere,
}: {
  differences: readonly string[];
  silence: CniError | undefined;
  nothingThere: boolean;
}): CniError | undefined {
  if (differences.length === 0) return silence;
  const all = [...differences, ...(silence === undefined ? [] : [silence.message])];
  return new CniError(nothingThere ? CODES.unknownContainer : CODES.differs, all.join("; "));
}

function observe({ ifName, netns, hostName, allocation }: ExpectedAttachment): ObservedAttachment {
  using host = NetlinkSocket.open();
  using pod = openPod(netns);
  const families = familiesOf(allocation);
  const hostLink = host.get(getLink({ name: hostName }));
  const podLink = pod.get(getLink({ name: ifName }));
  return {
    hostLink,
    hostRoutes: families.flatMap((family) => host.dump(dumpRoutes({ family, table: allocation?.podsTable }))),
    rpFilter: readInetConf(hostName, "rp_filter"),
    proxyArp: readInetConf(hostName, "proxy_arp"),
    podLink,
    podAddresses: pod.dump(dumpAddresses({ index: podLink?.index })),
    podRoutes: families.flatMap((family) => pod.dump(dumpRoutes({ family }))),
    podNeighbours: families.flatMap((family) => pod.dump(dumpNeighbours(family))),
    podRules: isBeside(ifName) ? families.flatMap((family) => pod.dump(dumpRules(family))) : [],
  };
}

function familiesOf(allocation: Allocation | undefined): readonly AddressFamily[] {
  const has = (family: AddressFamily) =>
    allocation?.addresses.some(({ address }) => address.family === family) === true;
  return ([AF_INET, AF_INET6] as const).filter(has);
}

function openPod(netns: string): NetlinkSocket {
  try {
    return NetlinkSocket.open({ namespace: netns });
  } catch (error) {
    throw new CniError(
      CODES.invalidEnvironment,
      `CNI_NETNS is "${netns}", which cannot be opened: ${(error as Error).message}`,
    );
  }
}

function readInetConf(hostName: string, key: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/net/ipv4/conf/${hostName}/${key}`, "utf8").trim();
  } catch {
    return undefined;
  }
}
