import { drainExcess } from "./drain-excess.ts";
import { giveBack } from "./give-back.ts";
import { grow } from "./grow.ts";
import type { Action, NodeView, Shortage } from "./node-view.ts";
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
  const growth = grow(view);
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
