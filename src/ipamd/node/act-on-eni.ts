import { CloudError } from "../../cloud/cloud-error.ts";
import type { Effect } from "../cloud-view/cloud-view.ts";
import type { NodeWorld } from "./node-world.ts";

/**
 * Makes a call that changes an ENI. From before it is sent the ENI is busy; if it was accepted, or its answer was lost, until a reading
 * shows its effect.
 *
 * @param options.movesOn the instance that the call attaches the ENI to, or detaches it from
 *
 * @throws what the call rejects with
 */
export async function actOn(
  { view, clock }: Pick<NodeWorld, "view" | "clock">,
  eniId: string,
  { act, effect, movesOn }: { act: () => Promise<void>; effect: Effect; movesOn?: string | undefined },
): Promise<void> {
  view.touch(eniId, clock.monotonic(), movesOn);
  try {
    await act();
    view.acted(eniId, { effect, movesOn }, clock.monotonic());
  } catch (error) {
    const mayHaveHappened = error instanceof CloudError && error.class === "unknown";
    if (mayHaveHappened) view.acted(eniId, { effect, movesOn }, clock.monotonic());
    else view.touch(eniId, clock.monotonic());
    throw error;
  }
}
