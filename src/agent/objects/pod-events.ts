import { pods } from "../../kube/core-resources.ts";
import type { EventRecorder } from "../../kube/events.ts";
import { apiVersionOf } from "../../kube/resource.ts";
import type { Attachment } from "../pool/attachment.ts";

/** Tells the people who look at a pod why it has no network. */
export class PodEvents {
  readonly #recorder: Pick<EventRecorder, "record">;

  constructor(recorder: Pick<EventRecorder, "record">) {
    this.#recorder = recorder;
  }

  /** @param cause the same sentence for each try that fails for the same reason */
  failedAllocation(attachment: Attachment, cause: string): void {
    this.warn(attachment, "FailedAllocateAddress", cause);
  }

  addressLost(attachment: Attachment, { address, eniId }: { address: string; eniId: string }): void {
    this.warn(
      attachment,
      "AddressLost",
      `the address ${address} was taken off ${eniId} behind this cluster's back: restart the pod`,
    );
  }

  /** Nothing is told of an attachment that is no pod's. @returns whether it was told */
  warn({ podNamespace, podName, podUid }: Attachment, reason: string, message: string): boolean {
    if (podNamespace === "" || podName === "") return false;
    this.#recorder.record({
      about: {
        apiVersion: apiVersionOf(pods),
        kind: pods.kind,
        namespace: podNamespace,
        name: podName,
        ...(podUid !== "" && { uid: podUid }),
      },
      type: "Warning",
      reason,
      message,
    });
    return true;
  }
}
