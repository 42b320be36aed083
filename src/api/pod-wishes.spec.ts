import { expect, test } from "bun:test";
import { POD_ANNOTATIONS } from "./annotations.ts";
import { podWishes } from "./pod-wishes.ts";

const { claimDeletePolicy, claimExpiredDuration, nominatedAddress, nominatedSubnets } = POD_ANNOTATIONS;

test("a pod that says nothing wants any address, for its own time", () => {
  expect(podWishes({})).toEqual({
    policy: "Immediate",
    expiresAfterSeconds: undefined,
    nominated: [],
    address: undefined,
    mistake: undefined,
  });
});

test("all can be said", () => {
  expect(
    podWishes({
      [claimDeletePolicy]: "Never",
      [claimExpiredDuration]: "5m0.5s",
      [nominatedAddress]: "10.0.16.20",
      [nominatedSubnets]: "subnet-a, subnet-b",
    }),
  ).toEqual({
    policy: "Never",
    expiresAfterSeconds: 301,
    nominated: ["subnet-a", "subnet-b"],
    address: "10.0.16.20",
    mistake: undefined,
  });
});

test.each([
  [claimExpiredDuration, "4m59s"],
  [claimExpiredDuration, "a while"],
  [claimExpiredDuration, ""],
  [claimExpiredDuration, `${"9".repeat(400)}h`],
  [nominatedAddress, "10.0.16.256"],
  [nominatedAddress, "fd00::1"],
  [nominatedAddress, "10.0.16.20,10.0.16.21"],
])("%s of %j is a mistake, and said to be", (key, value) => {
  const { mistake } = podWishes({ [key]: value });
  expect(mistake).toStartWith(`${key} is "${value}": set `);
});
