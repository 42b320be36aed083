import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import type { Dice } from "./dice.ts";
import { inRounds } from "./in-rounds.ts";
import { REPLICA, type World } from "./world.ts";

/** Keeps as many pods as are wanted, as a ReplicaSet does, and replaces some now and then. */
export class Workload {
  readonly #world: World;
  readonly #dice: Dice;
  /** How many pods there should be. */
  wanted = 0;
  /** Of the pods that run, how many are deleted or end by themselves in each round. */
  churn = 0;

  constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
    inRounds(world.clock, { dice, mostMs: 5_000 }, () => this.#round());
  }

  #round(): void {
    const dice = this.#dice;
    const alive: JsonObject[] = [];
    for (const pod of this.#world.pods()) {
      if (!nameOf(pod).startsWith(REPLICA) || textAt(pod, "metadata.deletionTimestamp") !== "") continue;
      if (!["Succeeded", "Failed"].includes(textAt(pod, "status.phase"))) alive.push(pod);
      else if (dice.chance(0.1)) this.#world.deletePod(nameOf(pod));
    }
    let count = alive.length;
    for (const pod of alive) {
      const isTooMany = count > this.wanted && dice.chance(0.5);
      if (!isTooMany && !dice.chance(this.churn)) continue;
      count--;
      const runs = textAt(pod, "status.phase") === "Running";
      if (runs && dice.chance(0.2)) this.#world.finishPod(pod);
      else this.#world.deletePod(nameOf(pod));
    }
    for (; count < this.wanted; count++) this.#world.createPod();
  }
}

function nameOf(pod: JsonObject): string {
  return textAt(pod, "metadata.name");
}
