import { describe, expect, it } from "bun:test";
import type { StoredEni } from "../store/agent-store.ts";
import type { EniSpec } from "./eni-spec.ts";
import { numberEnis } from "./number-enis.ts";

function spec(n: number): EniSpec {
  return {
    eniId: `eni-${n}`,
    mac: `20:90:6f:00:00:${n.toString(16).padStart(2, "0")}`,
    primaryIp: `10.0.16.${n}`,
    gateway: "10.0.16.1",
    subnetId: "subnet-1",
  };
}

const nothingHeld = { isHeld: () => false };
const linkOf = (mac: string) => Number.parseInt(mac.slice(-2), 16) + 10;

function stored(n: number, number = n): StoredEni {
  return { ...spec(n), table: 4010 + n, number };
}

describe("numberEnis()", () => {
  it("takes the table from the link's index and the lowest free number", () => {
    const { enis, saved } = numberEnis([stored(2, 1)], {
      wanted: [spec(2), spec(3)],
      indexOf: linkOf,
      ...nothingHeld,
    });
    expect(enis).toEqual([stored(2, 1), stored(3, 2)]);
    expect(saved).toEqual([stored(3, 2)]);
  });

  it("gives no number before the link is there", () => {
    expect(numberEnis([], { wanted: [spec(1)], indexOf: () => undefined, ...nothingHeld }).enis).toEqual([]);
  });

  it("keeps numbers when the link comes back with another index", () => {
    const { enis, saved } = numberEnis([stored(1)], {
      wanted: [spec(1)],
      indexOf: () => 99,
      ...nothingHeld,
    });
    expect(enis).toEqual([stored(1)]);
    expect(saved).toEqual([]);
  });

  it("keeps the numbers of an ENI that is gone while a pod holds its group, then frees them", () => {
    const options = { wanted: [spec(2)], indexOf: linkOf };
    const held = numberEnis([stored(1)], { ...options, isHeld: () => true });
    expect(held.enis).toEqual([stored(1), stored(2)]);
    const free = numberEnis([stored(1)], { ...options, ...nothingHeld });
    expect(free.forgotten).toEqual(["eni-1"]);
    expect(free.enis).toEqual([stored(2, 1)]);
  });

  it("forgets nothing before the API server has said which ENIs there are", () => {
    const { enis, forgotten } = numberEnis([stored(1)], {
      wanted: undefined,
      indexOf: linkOf,
      ...nothingHeld,
    });
    expect(enis).toEqual([stored(1)]);
    expect(forgotten).toEqual([]);
  });

  it("keeps an ENI as it was when its object has come to make no sense, and gives no number to a new one", () => {
    const wanted = [
      { ...spec(1), gateway: "10.0.16" },
      { ...spec(2), primaryIp: "fd00::2" },
    ];
    const { enis, saved, forgotten } = numberEnis([stored(1)], { wanted, indexOf: linkOf, ...nothingHeld });
    expect(enis).toEqual([stored(1)]);
    expect(saved).toEqual([]);
    expect(forgotten).toEqual([]);
  });

  it("refuses the fifteenth", () => {
    const all = Array.from({ length: 15 }, (_, i) => spec(i + 1));
    const { enis, refused } = numberEnis([], { wanted: all, indexOf: linkOf, ...nothingHeld });
    expect(enis).toHaveLength(14);
    expect(refused).toEqual(["eni-15"]);
  });

  it("takes the next table when one is taken", () => {
    const { enis } = numberEnis([stored(1)], {
      wanted: [spec(1), spec(2)],
      indexOf: () => 11,
      ...nothingHeld,
    });
    expect(enis[1]?.table).toBe(4012);
  });
});
