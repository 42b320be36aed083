import { expect, test } from "bun:test";
import { simulatedWorld } from "../../src/sim/config.ts";
import { controlPlane, nodeMachine } from "./world.ts";

test("the machines are in subnets of the simulated world, in the subnet's zone", () => {
  const { subnets } = simulatedWorld();
  for (const machine of [controlPlane, nodeMachine(1), nodeMachine(2), nodeMachine(3), nodeMachine(4)]) {
    const subnet = subnets.find((candidate) => candidate.subnetId === machine.subnetId);
    expect(subnet?.zone).toBe(machine.zone);
    expect(`${machine.address.split(".").slice(0, 3).join(".")}.0/24`).toBe(subnet?.cidr ?? "");
  }
});

test("nodeMachine() gives the addresses of the design, and node-2 no provider id", () => {
  expect([1, 2, 3].map((number) => nodeMachine(number).address)).toEqual([
    "10.0.1.11",
    "10.0.1.12",
    "10.0.2.13",
  ]);
  expect([1, 2, 3].map((number) => nodeMachine(number).providerId)).toEqual([
    "qcloud:///800001/ins-node0001",
    undefined,
    "qcloud:///800001/ins-node0003",
  ]);
});
