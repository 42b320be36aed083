import { CniError, CODES } from "../cni/error.ts";
import { parseResult } from "../cni/parse-result.ts";
import type { Result } from "../cni/result.ts";
import { formatIpAddress } from "../netlink/ip-address.ts";
import type { Allocation } from "../pod-link/allocation.ts";
import { AgentClient } from "./agent-client.ts";
import { parseAllocation } from "./allocation.ts";
import type { IpamConfiguration } from "./ipam-configuration.ts";
import type { AttachmentCall } from "./plugin.ts";

/** What the agent says of an attachment. */
export interface AgentRecord {
  /** Undefined when it has none, or cannot say what belongs to it now. */
  readonly allocation: Allocation | undefined;
  /** What is wrong, a sentence each. */
  readonly problems: readonly string[];
  /** It knows of no address: the attachment was never made, or is gone. */
  readonly unknown: boolean;
}

/** Asks the agent. @throws CniError 11 when it does not answer now, 100 when it answers what makes no sense. */
export async function readRecord(
  { attachment }: Pick<AttachmentCall, "attachment">,
  { backend }: IpamConfiguration,
): Promise<AgentRecord> {
  try {
    const { allocated, problems = [] } = await new AgentClient(backend).check(attachment);
    return { allocation: allocated && parseAllocation(allocated), problems, unknown: false };
  } catch (error) {
    if (!(error instanceof CniError) || error.code !== CODES.unknownContainer) throw error;
    return { allocation: undefined, problems: [error.message], unknown: true };
  }
}

/** The result of ADD, which a runtime must give to CHECK. @throws CniError 7 */
export function resultToCheck({ configuration }: Pick<AttachmentCall, "configuration">): Result {
  const told = configuration.own.object("prevResult");
  if (told === undefined) throw configuration.own.invalid("prevResult", "must be the result of ADD");
  return parseResult(told);
}

/** In what the agent's record and the result of ADD differ. */
export function recordDifferences({ allocation, problems }: AgentRecord, told: Result): string[] {
  const addresses = told.ips.map(({ address }) => address.split("/")[0]);
  return [
    ...(allocation?.addresses ?? [])
      .map(({ address }) => formatIpAddress(address))
      .filter((address) => !addresses.includes(address))
      .map(
        (address) => `tke-eni-agent has ${address} on record for it, and prevResult has ${list(addresses)}`,
      ),
    ...problems,
  ];
}

/**
 * CHECK of tke-eni-ipamc: the agent's record is what ADD told, and nothing is wrong with the way.
 * @throws CniError 3 for an attachment that the agent does not know, 102 naming all that differs.
 */
export async function checkRecord(
  call: Pick<AttachmentCall, "attachment" | "configuration">,
  ipam: IpamConfiguration,
): Promise<void> {
  const told = resultToCheck(call);
  const record = await readRecord(call, ipam);
  const differences = recordDifferences(record, told);
  if (differences.length === 0) return;
  throw new CniError(record.unknown ? CODES.unknownContainer : CODES.differs, differences.join("; "));
}

function list(texts: readonly (string | undefined)[]): string {
  return texts.length === 0 ? "no address" : texts.join(", ");
}
