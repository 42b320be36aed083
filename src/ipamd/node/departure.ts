/** How far the release of a node that is gone has come (DESIGN: proof that a holder is gone, e). Monotonic milliseconds. */
export type Departure =
  /** The Node object is absent by a quorum read; it may come back. */
  | { phase: "absent"; since: number }
  /** The agent has been asked to close its pool. */
  | { phase: "asked"; since: number }
  /** ENIs are being detached and deleted. */
  | { phase: "releasing" };

export interface DepartureFacts {
  now: number;
  /** How long the Node must have been absent. */
  graceMs: number;
  /** How long the agent has for its answer. */
  answerMs: number;
  /** Another Node has the same instance, or may have it: nothing is released, or nothing more. */
  instanceHasNode: boolean;
  /** Every ENI of the node has a token: one that turned up late has not. */
  allAsked: boolean;
  /** Every ENI of the node is answered Reclaimable. */
  agentAgreed: boolean;
}

/** The next phase. `now` must come from right after a quorum read that found the Node absent. */
export function nextDeparture(
  departure: Departure | undefined,
  facts: DepartureFacts,
): Departure | undefined {
  if (facts.instanceHasNode) return undefined;
  switch (departure?.phase) {
    case undefined:
      return { phase: "absent", since: facts.now };
    case "absent":
      return facts.now - departure.since >= facts.graceMs ? { phase: "asked", since: facts.now } : departure;
    case "asked":
      if (!facts.allAsked) return { phase: "asked", since: facts.now };
      return facts.agentAgreed || facts.now - departure.since >= facts.answerMs
        ? { phase: "releasing" }
        : departure;
    case "releasing":
      return facts.allAsked ? departure : { phase: "asked", since: facts.now };
  }
}
