import { describe, expect, it } from "bun:test";
import { giveBackFromOutsider, takeForOutsider } from "./outsider.ts";
import { ids, refusal, smallCloud, withEni } from "./small-cloud.ts";
import type { CloudState } from "./state.ts";
import { availableAddresses } from "./subnet-addresses.ts";

const wish = (changes: { addresses?: string[]; count?: number }) => ({
  subnetId: ids.pods,
  addresses: [],
  count: 0,
  ...changes,
});

const available = (state: CloudState) => {
  const subnet = state.subnets.get(ids.pods);
  return subnet === undefined ? undefined : availableAddresses(subnet);
};

describe("an outsider", () => {
  it("takes addresses that nobody else gets then, and gives them back", () => {
    const { state, answer } = takeForOutsider(smallCloud(), wish({ addresses: ["10.0.16.5"], count: 2 }));
    expect(answer).toEqual(["10.0.16.5", "10.0.16.2", "10.0.16.3"]);
    expect(available(state)).toBe(10);
    expect(refusal(() => withEni(state, { secondaryCount: 10 }))).toBe("ResourceInsufficient.Subnet");

    const back = giveBackFromOutsider(state, wish({ addresses: ["10.0.16.5"], count: 1 }));
    expect(back.answer).toEqual(["10.0.16.5", "10.0.16.2"]);
    expect(available(back.state)).toBe(12);
    expect(withEni(back.state, { secondaryCount: 11 }).eniId).toStartWith("eni-");
  });

  it("takes no more than there are, and gives back nothing that it does not have", () => {
    const { state, eniId } = withEni(smallCloud());
    const [own] = state.enis.get(eniId)?.addresses ?? [];
    expect(refusal(() => takeForOutsider(state, wish({ count: 13 })))).toBe("ResourceInsufficient.Subnet");
    expect(refusal(() => takeForOutsider(state, wish({ addresses: [own?.address ?? ""] })))).toBe(
      "ResourceInUse",
    );
    expect(refusal(() => giveBackFromOutsider(state, wish({ addresses: [own?.address ?? ""] })))).toBe(
      "ResourceNotFound",
    );
    expect(refusal(() => giveBackFromOutsider(state, wish({ count: 1 })))).toBe("ResourceNotFound");
  });
});
