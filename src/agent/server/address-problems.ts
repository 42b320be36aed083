import { vpcIpName } from "../../api/vpc-ip-name.ts";
import { eniOf, isOurs } from "../pool/bound-address.ts";
import type { PooledAddress, PoolState } from "../pool/pool-state.ts";

/** What is wrong with an address that a pod holds, as far as its object says, a sentence each. */
export function addressProblems(state: PoolState, record: PooledAddress): string[] {
  const { address, eniId, object } = record;
  const name = vpcIpName(address);
  if (object === undefined) {
    return [`VpcIP ${name} has gone: the address may be somebody else's, so delete the pod`];
  }
  const problems: string[] = [];
  if (!isOurs(state, record)) {
    problems.push(
      `VpcIP ${name} names instance ${object.instanceId}, and this node is ${state.instanceId ?? "not known yet"}`,
    );
  }
  if (eniOf(record) !== eniId) {
    problems.push(
      `VpcIP ${name} names ${eniOf(record)}, and the pod sends by ${eniId}: delete the pod, so that it is made anew`,
    );
  }
  return problems;
}
