import { checkAttachable } from "./attach-network-interface.ts";
import { buildEni, checkVpcQuota, type EniWish } from "./create-network-interface.ts";
import { findIdleInstance } from "./find.ts";
import type { CloudState, Eni, Occasion, Step } from "./state.ts";
import { latencyOf, startJob } from "./task.ts";

export interface CreateAndAttachRequest extends EniWish {
  readonly instanceId: string;
}

/**
 * CreateAndAttachNetworkInterface: one task for both. The interface is PENDING for the latency of
 * CreateNetworkInterface, then ATTACHING for that of AttachNetworkInterface; where the machine is gone by then it
 * stays, detached, and the task has failed.
 *
 * @throws CloudError as buildEni, checkVpcQuota, findIdleInstance and checkAttachable
 */
export function createAndAttachNetworkInterface(
  state: CloudState,
  request: CreateAndAttachRequest,
  occasion: Occasion,
): Step<Eni> {
  const instance = findIdleInstance(state, request.instanceId);
  checkVpcQuota(state, request.vpcId);
  const built = buildEni(state, request, { now: occasion.now, quota: instance.type.addressesPerEni });
  checkAttachable(state, instance, { ...built.eni, addressCount: built.eni.addresses.length });
  const job = {
    taskId: occasion.requestId,
    eniId: built.eni.eniId,
    due: occasion.now + latencyOf(state, "CreateNetworkInterface"),
    work: {
      kind: "create" as const,
      attachTo: { instanceId: instance.instanceId, takes: latencyOf(state, "AttachNetworkInterface") },
    },
  };
  return {
    state: startJob(built.state, built.eni, { job, fate: occasion.fate }),
    answer: built.eni,
    effects: [],
  };
}
