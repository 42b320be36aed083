import { CloudError } from "../../cloud/cloud-error.ts";
import type { Effect } from "../cloud-view/cloud-view.ts";
import type { NodeWorld } from "./node-world.ts";

/**
 * Makes a call that changes an ENI. From before it is sent the ENI is busy; if it was accepted, or its answer was lost, until a reading
 * shows its effect.
 *
 * @throws what the call rejects with
 */
export async function actOn(
  { view, clock }: Pick<NodeWorld, "view" | "clock">,
  eniId: string,
  { act, effect }: { act: () => Promise<void>; effect: Effect },
): Promise<void> {
  view.touch(eniId, clock.monotonic());
  try {
    await act();
    view.acted(eniId, effect, clock.monotonic());
  } catch (error) {
    const mayHaveHappened = error instanceof CloudError && error.class === "unknown";
    if (mayHaveHappened) view.acted(eniId, effect, clock.monotonic());
    else view.touch(eniId, clock.monotonic());
    throw error;
  }
}
