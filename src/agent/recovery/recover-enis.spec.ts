import { expect, it } from "bun:test";
import type { VpcENI } from "../../api/vpc-eni.ts";
import { AF_INET, parseIpPrefix } from "../../netlink/ip-address.ts";
import type { InstalledRule } from "../../netlink/rule.ts";
import { recoverEnis } from "./recover-enis.ts";

const veni: VpcENI = {
  apiVersion: "networking.tke.cloud.tencent.com/v1",
  kind: "VpcENI",
  metadata: { name: "eni-1" },
  spec: {
    type: "Shared",
    node: "node-1",
    instanceID: "ins-1",
    mac: "20:90:6f:00:00:11",
    subnetID: "subnet-1",
    subnetCIDR: "10.0.16.0/24",
    gateway: "10.0.16.1",
    primaryIP: "10.0.16.2",
    intent: "Attached",
  },
};

const common = { family: AF_INET, action: "lookup", protocol: 4, inverted: false } as const;
const byMark: InstalledRule = { ...common, priority: 1536, mark: { value: 0x30, mask: 0xf0 }, table: 4007 };
const bySource: InstalledRule = {
  ...common,
  priority: 1537,
  from: parseIpPrefix("10.0.16.2"),
  table: 4007,
};

it("recoverEnis() reads table and number back from an ENI's rules", () => {
  expect(recoverEnis([veni], [byMark, bySource])).toEqual([
    {
      eniId: "eni-1",
      mac: "20:90:6f:00:00:11",
      primaryIp: "10.0.16.2",
      gateway: "10.0.16.1",
      subnetId: "subnet-1",
      table: 4007,
      number: 3,
    },
  ]);
});

it("recoverEnis() leaves out an ENI of which a rule is missing, or whose rules are somebody else's", () => {
  expect(recoverEnis([veni], [bySource])).toEqual([]);
  expect(recoverEnis([veni], [byMark])).toEqual([]);
  expect(
    recoverEnis(
      [veni],
      [
        { ...byMark, table: 100 },
        { ...bySource, table: 100 },
      ],
    ),
  ).toEqual([]);
});
