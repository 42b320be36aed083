import { CloudError } from "./cloud-error.ts";
import { findIdleEni } from "./find.ts";
import type { CloudState, Occasion, Step } from "./state.ts";
import { latencyOf, startJob } from "./task.ts";

/**
 * DeleteNetworkInterface: the interface is DELETING until the latency has passed, then it is gone and its addresses are
 * free.
 *
 * @throws CloudError as findIdleEni; UnsupportedOperation.InvalidState for one that is attached
 */
export function deleteNetworkInterface(
  state: CloudState,
  request: { readonly eniId: string },
  occasion: Occasion,
): Step<null> {
  const eni = findIdleEni(state, request.eniId);
  if (eni.attachment !== undefined) {
    throw new CloudError(
      "UnsupportedOperation.InvalidState",
      `The network interface ${eni.eniId} is attached to ${eni.attachment.instanceId}: detach it first.`,
    );
  }
  const job = {
    taskId: occasion.requestId,
    eniId: eni.eniId,
    due: occasion.now + latencyOf(state, "DeleteNetworkInterface"),
    work: { kind: "delete" as const },
  };
  return {
    state: startJob(state, { ...eni, state: "DELETING" }, { job, fate: occasion.fate }),
    answer: null,
    effects: [],
  };
}
