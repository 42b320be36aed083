import { drainExcess } from "./drain-excess.ts";
import { giveBack } from "./give-back.ts";
import { grow } from "./grow.ts";
import { type ClaimGrowth, growForClaims } from "./grow-for-claims.ts";
import { type Action, type ClaimNeed, isOfPodAlone, type NodeView, type Shortage } from "./node-view.ts";
import { type ShrinkMemory, type ShrinkOptions, shrink } from "./shrink.ts";

export interface Plan {
  actions: Action[];
  memory: ShrinkMemory;
  /** Set while pods or the warm target want more than can be had. */
  shortage?: Shortage;
  /** By the key of their claims, why pods get no address now. */
  shortages?: ClaimGrowth["shortages"];
}

/** What to do for a node now. Growing goes first: an ENI that is to take addresses is not asked back in the same breath. */
export function planNode(seen: NodeView, memory: ShrinkMemory, options: ShrinkOptions): Plan {
  const view = drainExcess(seen);
  const growth: ReturnType<typeof grow> & Partial<Pick<ClaimGrowth, "shortages">> =
    view.needs === undefined ? grow(view) : growForPods(view, view.needs);
  const shrinking = shrink(view, memory, options);
  const touched = new Set(
    [...growth.actions, ...shrinking.actions].flatMap((a) => ("eniId" in a ? [a.eniId] : [])),
  );
  const returns = giveBack(view).filter((a) => !("eniId" in a && touched.has(a.eniId)));
  return {
    actions: [...growth.actions, ...shrinking.actions, ...returns],
    memory: shrinking.memory,
    ...(growth.shortage !== undefined && { shortage: growth.shortage }),
    ...(growth.shortages !== undefined && { shortages: growth.shortages }),
  };
}

/** First what pods wait for by name, then out of the rest what is kept ready for any: one action an ENI, and one ENI made at a time. */
function growForPods(
  view: NodeView,
  needs: readonly ClaimNeed[],
): Pick<ClaimGrowth, "actions" | "shortages"> & { shortage?: Shortage } {
  const { actions, shortages, kept, subnets } = growForClaims(view, needs);
  const pool = grow({ ...view, demand: view.demand - needs.length, subnets }, kept);
  const touched = new Set(actions.flatMap((a) => ("eniId" in a ? [a.eniId] : [])));
  const makes = actions.some((a) => a.kind === "create-eni");
  const more = pool.actions.filter((a) =>
    a.kind === "create-eni" ? !makes : !("eniId" in a && touched.has(a.eniId)),
  );
  const ofNode = shortages.values().find((why) => !isOfPodAlone(why)) ?? pool.shortage;
  return {
    actions: [...actions, ...more],
    shortages,
    ...(ofNode !== undefined && { shortage: ofNode }),
  };
}
