import { CloudError } from "./cloud-error.ts";
import { checkNamedAddresses } from "./create-network-interface.ts";
import { findIdleEni } from "./find.ts";
import { isPlugged } from "./plug.ts";
import type { CloudState, Effect, Occasion, Step } from "./state.ts";
import { latencyOf, startJob } from "./task.ts";

export interface UnassignRequest {
  readonly eniId: string;
  /** At most ten. */
  readonly addresses: readonly string[];
}

/**
 * UnassignPrivateIpAddresses: the addresses are dead at once, DELETING until the latency has passed, and only then free
 * for others.
 *
 * @throws CloudError as findIdleEni; InvalidParameterValue.LimitExceeded; ResourceNotFound for an address that the
 *   interface does not have; UnsupportedOperation.PrimaryIp
 */
export function unassignPrivateAddresses(
  state: CloudState,
  request: UnassignRequest,
  occasion: Occasion,
): Step<null> {
  const eni = findIdleEni(state, request.eniId);
  checkNamedAddresses(request.addresses);
  for (const address of request.addresses) {
    const found = eni.addresses.find((it) => it.address === address);
    if (found === undefined) {
      throw new CloudError(
        "ResourceNotFound",
        `The network interface ${eni.eniId} does not have the address ${address}.`,
      );
    }
    if (found.primary) {
      throw new CloudError(
        "UnsupportedOperation.PrimaryIp",
        `The address ${address} is the primary one of ${eni.eniId}.`,
      );
    }
  }
  const leaving = new Set(request.addresses);
  const changed = {
    ...eni,
    addresses: eni.addresses.map((it) =>
      leaving.has(it.address) ? { ...it, state: "DELETING" as const } : it,
    ),
  };
  const job = {
    taskId: occasion.requestId,
    eniId: eni.eniId,
    due: occasion.now + latencyOf(state, "UnassignPrivateIpAddresses"),
    work: { kind: "unassign" as const, addresses: [...leaving] },
  };
  const effects: Effect[] = isPlugged(state, eni)
    ? [{ kind: "unassign", eniId: eni.eniId, addresses: [...leaving] }]
    : [];
  return { state: startJob(state, changed, { job, fate: occasion.fate }), answer: null, effects };
}
