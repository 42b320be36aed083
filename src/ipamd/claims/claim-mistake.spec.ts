import { expect, test } from "bun:test";
import type { VpcSubnet } from "../../api/vpc-subnet.ts";
import { claimMistake } from "./claim-mistake.ts";

const subnets = [
  { metadata: { name: "subnet-a" }, spec: { vpcID: "vpc-1", zone: "z", cidr: "10.0.16.0/24" } },
  { metadata: { name: "subnet-b" }, spec: { vpcID: "vpc-1", zone: "z", cidr: "10.0.17.0/24" } },
] as VpcSubnet[];

test.each([
  [{}, undefined],
  [{ subnetID: "subnet-a" }, undefined],
  [{ address: "10.0.16.20" }, undefined],
  [{ address: "10.0.16.20", subnetID: "subnet-a" }, undefined],
  [{ address: "10.0.16.1" }, "its address 10.0.16.1 is none that a container subnet can give"],
  [{ address: "192.168.1.1" }, "its address 192.168.1.1 is none that a container subnet can give"],
  [{ address: "10.0.17.20", subnetID: "subnet-a" }, "is none that subnet-a (10.0.16.0/24) can give"],
  [{ address: "10.0.16.255", subnetID: "subnet-a" }, "is none that subnet-a (10.0.16.0/24) can give"],
  [{ subnetID: "subnet-nope" }, "its subnet subnet-nope is no container subnet"],
])("%j: %s", (spec, expected) => {
  const said = claimMistake(spec, subnets);
  if (expected === undefined) expect(said).toBeUndefined();
  else expect(said).toContain(expected);
});

test("nothing is wrong while no subnet has been read", () => {
  expect(claimMistake({ address: "10.0.16.20", subnetID: "subnet-a" }, [])).toBeUndefined();
});
