import type { VirtualClock } from "../../src/time/testing/virtual-clock.ts";
import type { Dice } from "./dice.ts";

/** Does something for ever, half a second to `mostMs` of virtual time after the time before, as the dice say. */
export function inRounds(
  clock: Pick<VirtualClock, "after">,
  { dice, mostMs }: { dice: Dice; mostMs: number },
  round: () => void,
): void {
  clock.after(dice.between(500, mostMs), () => {
    round();
    inRounds(clock, { dice, mostMs }, round);
  });
}
