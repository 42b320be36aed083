import { CloudError } from "./cloud-error.ts";
import { findIdleEni, findIdleInstance } from "./find.ts";
import type { CloudState, Occasion, Step } from "./state.ts";
import { latencyOf, startJob } from "./task.ts";

export interface DetachRequest {
  readonly eniId: string;
  readonly instanceId: string;
}

/**
 * DetachNetworkInterface: the interface is DETACHING until the latency has passed; its link goes at the end.
 *
 * @throws CloudError as findIdleEni and findIdleInstance; UnsupportedOperation.AttachmentNotFound where the interface is not attached to that machine; UnsupportedOperation for
 *   a primary one
 */
export function detachNetworkInterface(
  state: CloudState,
  request: DetachRequest,
  occasion: Occasion,
): Step<null> {
  const eni = findIdleEni(state, request.eniId);
  findIdleInstance(state, request.instanceId);
  if (eni.attachment?.instanceId !== request.instanceId) {
    throw new CloudError(
      "UnsupportedOperation.AttachmentNotFound",
      `The network interface ${eni.eniId} is not attached to ${request.instanceId}.`,
    );
  }
  if (eni.primary) {
    throw new CloudError(
      "UnsupportedOperation",
      `The network interface ${eni.eniId} is primary: it stays with its machine.`,
    );
  }
  const job = {
    taskId: occasion.requestId,
    eniId: eni.eniId,
    due: occasion.now + latencyOf(state, "DetachNetworkInterface"),
    work: { kind: "detach" as const },
  };
  return {
    state: startJob(state, { ...eni, state: "DETACHING" }, { job, fate: occasion.fate }),
    answer: null,
    effects: [],
  };
}
