import type { Action, NodeView } from "./node-view.ts";

/** Most addresses that one UnassignPrivateIpAddresses call takes. */
export const UNASSIGN_BATCH = 10;

/**
 * Actions that return to the VPC what the agent has agreed to give back, and ENIs that hold nothing any more.
 *
 * An ENI without a secondary address is asked back first, then removed: its own address may carry traffic of the node.
 */
export function giveBack(view: NodeView): Action[] {
  const actions: Action[] = [];
  for (const eni of view.enis) {
    if (eni.busy) continue;
    // One that is attached to nothing has no agent to ask: the cloud's word is the proof.
    if (eni.leaving === "agreed" || (eni.detached && (eni.draining || eni.leaving === "asked"))) {
      actions.push({ kind: "remove-eni", eniId: eni.id });
      continue;
    }
    if (!eni.ready) continue;
    const agreed = eni.addresses.filter((a) => a.assigned && a.reclaim === "agreed").map((a) => a.address);
    if (agreed.length > 0) {
      actions.push({ kind: "unassign", eniId: eni.id, addresses: agreed.slice(0, UNASSIGN_BATCH) });
    } else if (eni.addresses.length === 0 && eni.leaving === "no" && !eni.awaited) {
      actions.push({ kind: "ask-eni-back", eniId: eni.id });
    }
  }
  return actions;
}
