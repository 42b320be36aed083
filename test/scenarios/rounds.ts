import { comesBack } from "./comes-back.ts";
import { followsPod } from "./follows-pod.ts";
import { leavesCutNode } from "./leaves-cut-node.ts";
import { rollsOver } from "./rolls-over.ts";
import type { Scenario } from "./scenario.ts";
import { sharesLastAddresses } from "./shares-last-addresses.ts";
import { waitsForNode } from "./waits-for-node.ts";

/** All scenarios. Those of a round can be played beside each other. */
export const rounds: readonly (readonly Scenario[])[] = [
  [leavesCutNode, comesBack, followsPod, rollsOver, sharesLastAddresses],
  // It takes a whole zone from the others.
  [waitsForNode],
];
