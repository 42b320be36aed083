import type { VpcIPStatus } from "../../api/vpc-ip.ts";
import { isOurs } from "./bound-address.ts";
import type { PooledAddress, PoolState } from "./pool-state.ts";

type Use = NonNullable<VpcIPStatus["use"]>;

/** What `status.use` of the VpcIP should say; undefined when it is not for this agent to speak. */
export function publishedUse(state: PoolState, record: PooledAddress): Use | undefined {
  if (!state.open || !isOurs(state, record)) return undefined;
  const { holding } = record;
  const use: Use = { ...stateOf(record), since: new Date(holding.since).toISOString() };
  if (holding.kind !== "in-use") return use;
  const { podNamespace, podName, containerId } = holding.attachment;
  return {
    ...use,
    containerID: containerId,
    ...(podName !== "" && { pod: `${podNamespace}/${podName}` }),
  };
}

function stateOf({ holding, refusedToken, object }: PooledAddress): Pick<Use, "state" | "token"> {
  if (holding.kind === "reclaimable") return { state: "Reclaimable", token: holding.token };
  // The refusal stays published as long as its question does, also when the pod has left since: the asker must read it.
  if (refusedToken !== undefined && refusedToken === object?.reclaim?.token) {
    return { state: "Refused", token: refusedToken };
  }
  switch (holding.kind) {
    case "in-use":
      return { state: "InUse" };
    case "cooling-down":
      return { state: "CoolingDown" };
    case "free":
      return { state: "Free" };
  }
}
