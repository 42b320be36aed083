import { nodeReference } from "../../kube/core-resources.ts";
import type { EventRecorder } from "../../kube/events.ts";

/** Tells the people who look at the node what its agent has found there. */
export class NodeEvents {
  readonly #recorder: Pick<EventRecorder, "record">;
  readonly #node: string;

  constructor(recorder: Pick<EventRecorder, "record">, node: string) {
    this.#recorder = recorder;
    this.#node = node;
  }

  /** @param message the same sentence for each time that the same thing happens */
  warn(reason: string, message: string): void {
    this.#recorder.record({ about: nodeReference(this.#node), type: "Warning", reason, message });
  }
}
