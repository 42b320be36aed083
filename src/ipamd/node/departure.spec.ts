import { describe, expect, test } from "bun:test";
import { type DepartureFacts, nextDeparture } from "./departure.ts";

function facts(overrides: Partial<DepartureFacts> = {}): DepartureFacts {
  return {
    now: 0,
    graceMs: 120_000,
    answerMs: 30_000,
    instanceHasNode: false,
    allAsked: true,
    agentAgreed: false,
    ...overrides,
  };
}

describe("nextDeparture()", () => {
  test("waits for the grace, then asks, then releases once the agent has agreed", () => {
    const absent = nextDeparture(undefined, facts());
    expect(absent).toEqual({ phase: "absent", since: 0 });
    expect(nextDeparture(absent, facts({ now: 119_999 }))).toEqual({ phase: "absent", since: 0 });
    const asked = nextDeparture(absent, facts({ now: 120_000 }));
    expect(asked).toEqual({ phase: "asked", since: 120_000 });
    expect(nextDeparture(asked, facts({ now: 120_001 }))).toEqual({ phase: "asked", since: 120_000 });
    expect(nextDeparture(asked, facts({ now: 120_001, agentAgreed: true }))).toEqual({ phase: "releasing" });
  });

  test("releases without an answer at the deadline: detaching is the fence", () => {
    const asked = { phase: "asked", since: 0 } as const;
    expect(nextDeparture(asked, facts({ now: 29_999 }))).toEqual(asked);
    expect(nextDeparture(asked, facts({ now: 30_000 }))).toEqual({ phase: "releasing" });
  });

  test("an instance that another Node has is not released", () => {
    expect(nextDeparture(undefined, facts({ instanceHasNode: true }))).toBeUndefined();
    const absent = { phase: "absent", since: 0 } as const;
    expect(nextDeparture(absent, facts({ now: 500_000, instanceHasNode: true }))).toBeUndefined();
    for (const later of [{ phase: "asked", since: 0 }, { phase: "releasing" }] as const) {
      const agreed = facts({ now: 500_000, instanceHasNode: true, agentAgreed: true });
      expect(nextDeparture(later, agreed)).toBeUndefined();
    }
  });

  test("an ENI that turns up late has its agent asked too, with the whole time to answer", () => {
    for (const departure of [{ phase: "asked", since: 0 }, { phase: "releasing" }] as const) {
      const late = nextDeparture(departure, facts({ now: 30_000, allAsked: false }));
      expect(late).toEqual({ phase: "asked", since: 30_000 });
    }
  });
});
