import { expect, test } from "bun:test";
import { placeInCidr } from "./place-in-cidr.ts";

test.each([
  ["10.0.16.2", "10.0.16.0/24", "inside"],
  ["10.0.16.254", "10.0.16.0/24", "inside"],
  ["10.0.16.0", "10.0.16.0/24", "reserved"],
  ["10.0.16.1", "10.0.16.0/24", "reserved"],
  ["10.0.16.255", "10.0.16.0/24", "reserved"],
  ["10.0.15.255", "10.0.16.0/24", "outside"],
  ["10.0.17.0", "10.0.16.0/24", "outside"],
  ["10.0.17.3", "10.0.16.0/20", "inside"],
  ["203.0.113.9", "0.0.0.0/0", "inside"],
  ["fd00::1", "10.0.16.0/24", "outside"],
  ["10.0.16.5", "10.0.16.0", "outside"],
  ["10.0.16.5", "10.0.16.0/33", "outside"],
  ["10.0.16.5", "fd00::/64", "outside"],
  ["10.0.16", "10.0.16.0/24", "outside"],
] as const)("%s in %s is %s", (address, cidr, place) => {
  expect(placeInCidr(address, cidr)).toBe(place);
});
