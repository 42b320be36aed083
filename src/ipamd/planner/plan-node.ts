import { drainExcess } from "./drain-excess.ts";
import { giveBack } from "./give-back.ts";
import { grow } from "./grow.ts";
import { growForClaims } from "./grow-for-claims.ts";
import type { Action, ClaimNeed, NodeView, Shortage } from "./node-view.ts";
import { type ShrinkMemory, type ShrinkOptions, shrink } from "./shrink.ts";

export interface Plan {
  actions: Action[];
  memory: ShrinkMemory;
  /** Set while pods or the warm target want more than can be had. */
  shortage?: Shortage;
}

/** What to do for a node now. Growing goes first: an ENI that is to take addresses is not asked back in the same breath. */
export function planNode(seen: NodeView, memory: ShrinkMemory, options: ShrinkOptions): Plan {
  const view = drainExcess(seen);
  const growth = view.needs === undefined ? grow(view) : growForPods(view, view.needs);
  const shrinking = shrink(view, memory, options);
  const touched = new Set(
    [...growth.actions, ...shrinking.actions].flatMap((a) => ("eniId" in a ? [a.eniId] : [])),
  );
  const returns = giveBack(view).filter((a) => !("eniId" in a && touched.has(a.eniId)));
  return {
    actions: [...growth.actions, ...shrinking.actions, ...returns],
    memory: shrinking.memory,
    ...(growth.shortage !== undefined && { shortage: growth.shortage }),
  };
}

/** First what pods wait for by name, then what is kept ready for any: one action an ENI, and one ENI made at a time. */
function growForPods(
  view: NodeView,
  needs: readonly ClaimNeed[],
): { actions: Action[]; shortage?: Shortage } {
  const claims = growForClaims(view, needs);
  const pool = grow({ ...view, demand: view.demand - needs.length });
  const touched = new Set(claims.actions.flatMap((a) => ("eniId" in a ? [a.eniId] : [])));
  const makes = claims.actions.some((a) => a.kind === "create-eni");
  const more = pool.actions.filter((a) =>
    a.kind === "create-eni" ? !makes : !("eniId" in a && touched.has(a.eniId)),
  );
  const shortage = claims.shortage ?? pool.shortage;
  return { actions: [...claims.actions, ...more], ...(shortage !== undefined && { shortage }) };
}
