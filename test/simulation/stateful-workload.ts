import { POD_ANNOTATIONS } from "../../src/api/annotations.ts";
import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { Dice } from "./dice.ts";
import { inRounds } from "./in-rounds.ts";
import type { World } from "./world.ts";

/** What is asked of the claim of a name, by all its pods. */
interface Name {
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Keeps pods under names of their own, as StatefulSets do: one that has gone comes back under its name, wherever there is room. */
export class StatefulWorkload {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #names: Name[] = [];
  /** How many of the names there should be a pod of, the first ones. */
  wanted = 0;
  /** Of the pods that run, how many are deleted or end by themselves in each round. */
  churn = 0;

  constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
    inRounds(world.clock, { dice, mostMs: 4_000 }, () => this.#round());
  }

  #round(): void {
    const dice = this.#dice;
    const pods = new Map(this.#world.pods().map((pod) => [textAt(pod, "metadata.name"), pod]));
    for (let i = 0; i < Math.max(this.wanted, this.#names.length); i++) {
      const { name, annotations } = this.#name(i);
      const pod = pods.get(name);
      if (pod === undefined) {
        if (i < this.wanted && dice.chance(0.7)) this.#world.createPod({ name, annotations });
        continue;
      }
      if (textAt(pod, "metadata.deletionTimestamp") !== "") continue;
      const phase = textAt(pod, "status.phase");
      const hasEnded = phase === "Succeeded" || phase === "Failed";
      if (!hasEnded && i < this.wanted && !dice.chance(this.churn)) continue;
      if (phase === "Running" && dice.chance(0.15)) this.#world.finishPod(pod);
      else if (dice.chance(0.1)) this.#world.removePod(pod);
      else this.#world.deletePod(name);
    }
  }

  #name(index: number): Name {
    const known = this.#names[index];
    if (known !== undefined) return known;
    const fresh = { name: `web-${index}`, annotations: this.#annotations() };
    this.#names.push(fresh);
    return fresh;
  }

  #annotations(): Record<string, string> {
    const { claimDeletePolicy, claimExpiredDuration } = POD_ANNOTATIONS;
    if (this.#dice.chance(0.25)) return {};
    return {
      [claimDeletePolicy]: "Never",
      ...(this.#dice.chance(0.25) && { [claimExpiredDuration]: this.#dice.pick(["5m", "7m"]) }),
    };
  }
}
