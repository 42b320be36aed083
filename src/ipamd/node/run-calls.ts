import type { CallBudget, CreationPermit } from "../../cloud/budget/call-budget.ts";
import type { Permit } from "../../cloud/budget/permit.ts";
import type { CloudAction } from "../../cloud/budget/rates.ts";
import type { Urgency, WishKey } from "../../cloud/budget/wish-book.ts";

/** The part of the budget that runs of nodes use. */
export type Budget = Pick<CallBudget, "claim" | "claimCreation" | "settle">;

/**
 * The calls that one run of a node wants to make. What it gets no permit for is left to a later run: the budget triggers that when
 * the node's turn has come, and the plan is made anew then.
 */
export class RunCalls {
  readonly #budget: Budget;
  readonly #node: string;
  readonly #postponed = new Set<WishKey>();

  constructor(budget: Budget, node: string) {
    this.#budget = budget;
    this.#node = node;
  }

  claim(action: CloudAction, urgency: Urgency): Permit | undefined {
    const permit = this.#budget.claim(this.#node, action, urgency);
    if (permit === undefined) this.#postponed.add(action);
    return permit;
  }

  claimCreation(urgency: Urgency): CreationPermit | undefined {
    const creation = this.#budget.claimCreation(this.#node, urgency);
    if (creation === undefined) this.#postponed.add("creation");
    return creation;
  }

  /** Whether something has to wait for its turn. */
  hasPostponed(): boolean {
    return this.#postponed.size > 0;
  }

  /** The run is over: wishes that it did not repeat are void. */
  end(): void {
    this.#budget.settle(this.#node, this.#postponed);
  }
}
