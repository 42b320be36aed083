import { afterAll, beforeAll, expect, test } from "bun:test";
import { readKernel } from "../../src/agent/recovery/read-kernel.ts";
import { recoverAddresses } from "../../src/agent/recovery/recover-addresses.ts";
import { vpcIpName } from "../../src/api/vpc-ip-name.ts";
import { NetworkNamespace } from "../../src/netlink/namespace.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const namespaces = new ThrowAwayNamespaces("tkrk");
let node: ThrowAwayNamespace;

beforeAll(() => {
  node = namespaces.make("node");
  for (const command of [
    "link add eni0 type veth peer name pod0",
    "link set eni0 group 4003 alias c1 up",
    "link set pod0 up",
    "route add 10.0.16.5/32 dev eni0 table 512",
    "-6 route add 2001:db8::5/128 dev eni0 table 512",
    "-6 route add 2001:db8::6/128 dev eni0 table 513",
  ]) {
    node.run("ip", ...command.split(" "));
  }
});

afterAll(() => {
  namespaces.removeAll();
});

test("recovery finds the addresses of both families that a pod's link has routes for", () => {
  using namespace = NetworkNamespace.open(node.path);
  const { links, podRoutes, rules } = namespace.run(() => readKernel());
  expect(podRoutes).toHaveLength(2);
  const found = recoverAddresses({
    objects: ["10.0.16.5", "2001:db8::5", "2001:db8::6"].map((address) => ({
      apiVersion: "networking.tke.cloud.tencent.com/v1",
      kind: "VpcIP",
      metadata: { name: vpcIpName(address), uid: `uid-${address}` },
      spec: { type: "Pod", subnetID: "subnet-1", eniID: "eni-1", node: "node-1", instanceID: "ins-1" },
    })),
    links,
    routes: podRoutes,
    rules,
    sandboxes: [],
    stored: [],
    eniOfTable: (table) => (table === 4003 ? "eni-1" : undefined),
    now: { wall: 1_000_000, monotonic: 500 },
  });
  expect(found.map(({ address, holding }) => [address, holding.kind])).toEqual([
    ["10.0.16.5", "in-use"],
    ["2001:db8::5", "in-use"],
    ["2001:db8::6", "free"],
  ]);
  for (const { holding } of found.slice(0, 2)) {
    expect(holding).toMatchObject({ attachment: { containerId: "c1", ifName: "eth0" } });
  }
});
