import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { join } from "node:path";
import { Client as VpcClient } from "tencentcloud-sdk-nodejs/tencentcloud/services/vpc/v20170312/vpc_client.js";
import { waitUntil } from "../cluster/wait-until.ts";
import {
  configurePrimary,
  host,
  type Machine,
  OUTSIDE_ADDRESS as outsideAddress,
  SimulatedVpc,
} from "./simulated-vpc.ts";
import { ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const namespaces = new ThrowAwayNamespaces("tkfab");
const simulated = new SimulatedVpc(namespaces);
const { router, world, control, apiAddress, management } = simulated;
const subnetId = "subnet-pods0001";
let a: Machine;
let b: Machine;

beforeAll(async () => {
  await simulated.start();
  a = await simulated.addMachine("node-a", { instanceId: "ins-node000a", address: "10.0.1.211" });
  b = await simulated.addMachine("node-b", { instanceId: "ins-node000b", address: "10.0.1.212" });
});

afterAll(async () => {
  await simulated.remove();
  namespaces.removeAll();
});

/** Whether a ping from one address gets its answer; and after how many milliseconds. */
function ping(machine: Machine, target: string, source?: string): number | undefined {
  const from = source === undefined ? [] : ["-I", source];
  try {
    const output = machine.namespace.run("ping", "-n", "-c", "1", "-W", "2", ...from, target);
    return Number(/time=([\d.]+) ms/.exec(output)?.[1]);
  } catch {
    return undefined;
  }
}

function vpc(): VpcClient {
  const [credential] = world.credentials;
  return new VpcClient({
    credential: { secretId: credential?.secretId ?? "", secretKey: credential?.secretKey ?? "" },
    region: world.region,
    profile: { httpProfile: { endpoint: apiAddress, protocol: "http://" } },
  });
}

async function finish(call: Promise<{ RequestId?: string }>): Promise<string | undefined> {
  const { RequestId = "" } = await call;
  const status = async () => {
    const { Status } = await vpc().DescribeVpcTaskResult({ TaskId: RequestId });
    return Status === "RUNNING" ? undefined : Status;
  };
  return waitUntil("the task", status, { deadlineMs: 5000, intervalMs: 10 });
}

/** Attaches a new network interface with one secondary address, and configures it as a node would. */
async function attachEni(machine: Machine, device: string) {
  const created = await vpc().CreateAndAttachNetworkInterface({
    VpcId: "vpc-sim00001",
    SubnetId: subnetId,
    NetworkInterfaceName: "fabric",
    InstanceId: machine.instanceId,
    SecondaryPrivateIpAddressCount: 1,
  });
  expect(await finish(Promise.resolve(created))).toBe("SUCCESS");
  const eni = created.NetworkInterface;
  const [link] = machine.namespace.ip("link", "show", "dev", device);
  const [primary = "", secondary = ""] =
    eni?.PrivateIpAddressSet?.map((it) => it.PrivateIpAddress ?? "") ?? [];
  const { run } = machine.namespace;
  run("ip", "link", "set", device, "up");
  run("ip", "route", "add", "default", "via", "10.0.16.1", "dev", device, "onlink", "table", "4001");
  for (const address of [primary, secondary]) {
    run("ip", "address", "add", `${address}/32`, "dev", device);
    run("ip", "rule", "add", "from", address, "lookup", "4001");
  }
  return { eniId: eni?.NetworkInterfaceId ?? "", mac: eni?.MacAddress, link, primary, secondary };
}

describe("the fabric", () => {
  let eni: Awaited<ReturnType<typeof attachEni>>;

  it("answers the first ping to a machine of the same subnet at once", () => {
    expect(ping(a, b.address)).toBeLessThan(300);
  });

  it("connects a machine with its gateway, the API and the host outside", () => {
    expect(ping(a, "10.0.1.1")).toBeDefined();
    expect(ping(a, apiAddress)).toBeDefined();
    expect(ping(a, outsideAddress)).toBeDefined();
  });

  it("connects a machine with whoever is at the management link", () => {
    host("ip", "route", "add", `${a.address}/32`, "via", management.nextHop);
    expect(ping(a, management.own)).toBeDefined();
  });

  it("makes the link of an attached network interface appear, down, with its MAC", async () => {
    eni = await attachEni(a, "eth1");
    expect(eni.link.address).toBe(eni.mac);
    expect(eni.link.flags).not.toContain("UP");
    expect(router.ip("link", "show", "dev", eni.eniId)[0].ifname).toBe(eni.eniId);
  });

  it("connects every address of it with other machines, its gateway and the host outside, both ways", () => {
    for (const address of [eni.primary, eni.secondary]) {
      for (const target of [b.address, "10.0.16.1", outsideAddress]) {
        expect([address, target, ping(a, target, address)]).toEqual([address, target, expect.any(Number)]);
      }
      expect(ping(b, address)).toBeDefined();
    }
  });

  /** The link by which a packet from a source that came in by a link goes to an address. */
  const linkTo = (address: string, from: string, iif: string) =>
    router.ip("route", "get", address, "from", from, "iif", iif)[0].dev;

  it("sends what comes from outside by the primary link while it is told so, and nothing else", async () => {
    const byItsOwn = () => [
      linkTo(eni.secondary, b.address, b.primaryEniId),
      linkTo(eni.secondary, outsideAddress, "out"),
      linkTo(a.address, outsideAddress, "out"),
    ];
    expect(byItsOwn()).toEqual([eni.eniId, eni.eniId, a.primaryEniId]);
    for (const told of ["once", "and again"]) {
      await control.changeSettings({ asymmetricOutside: true });
      expect([told, ...byItsOwn()]).toEqual([told, eni.eniId, a.primaryEniId, a.primaryEniId]);
    }
    expect(ping(a, outsideAddress, eni.secondary)).toBeDefined();
    expect(ping(a, apiAddress, eni.secondary)).toBeDefined();
    await control.changeSettings({ asymmetricOutside: false });
    expect(byItsOwn()).toEqual([eni.eniId, eni.eniId, a.primaryEniId]);
  });

  it("keeps the addresses of a link that the machine sets down and up again", () => {
    a.namespace.run("ip", "link", "set", "eth1", "down");
    a.namespace.run("ip", "link", "set", "eth1", "up");
    a.namespace.run(
      "ip",
      "route",
      "add",
      "default",
      "via",
      "10.0.16.1",
      "dev",
      "eth1",
      "onlink",
      "table",
      "4001",
    );
    expect(ping(a, b.address, eni.secondary)).toBeDefined();
  });

  it("does not know an address that nobody has", () => {
    expect(ping(b, "10.0.16.200")).toBeUndefined();
  });

  it("has dropped nothing so far", async () => {
    expect(await control.readDrops()).toEqual({ total: 0, bySource: [] });
  });

  it("drops what a link may not send, and counts it by link and source", async () => {
    const spoofed = "10.0.16.200";
    a.namespace.run("ip", "address", "add", `${spoofed}/32`, "dev", "eth1");
    a.namespace.run("ip", "rule", "add", "from", spoofed, "lookup", "4001");
    expect(ping(a, b.address, spoofed)).toBeUndefined();
    a.namespace.run("ip", "rule", "del", "from", eni.secondary);
    expect(ping(a, b.address, eni.secondary)).toBeUndefined();
    a.namespace.run("ip", "rule", "add", "from", eni.secondary, "lookup", "4001");

    const { instanceId, primaryEniId } = a;
    const drops = await control.readDrops();
    expect(drops.total).toBe(2);
    expect(drops.bySource).toHaveLength(2);
    expect(drops.bySource).toContainEqual({
      link: eni.eniId,
      eniId: eni.eniId,
      instanceId,
      source: spoofed,
      packets: 1,
    });
    expect(drops.bySource).toContainEqual({
      link: primaryEniId,
      eniId: primaryEniId,
      instanceId,
      source: eni.secondary,
      packets: 1,
    });
  });

  /** Addresses that can be reached by the primary link of their machine as well. */
  const waysAround = () => router.ip("route", "show", "table", "3900").map((it: { dst: string }) => it.dst);

  it("lets an address in when it has been assigned, and no more once it is being taken back", async () => {
    const NetworkInterfaceId = eni.eniId;
    const PrivateIpAddresses = [{ PrivateIpAddress: "10.0.16.200" }];
    await finish(vpc().AssignPrivateIpAddresses({ NetworkInterfaceId, PrivateIpAddresses }));
    expect(ping(a, b.address, "10.0.16.200")).toBeDefined();
    expect(waysAround()).toContain("10.0.16.200");

    const unassigning = vpc().UnassignPrivateIpAddresses({ NetworkInterfaceId, PrivateIpAddresses });
    await unassigning;
    expect(ping(a, b.address, "10.0.16.200")).toBeUndefined();
    expect(ping(b, "10.0.16.200")).toBeUndefined();
    expect(await finish(unassigning)).toBe("SUCCESS");
    expect(waysAround()).not.toContain("10.0.16.200");
    expect(ping(a, b.address, eni.secondary)).toBeDefined();
  });

  it("takes the link away when the network interface is detached, and forgets its addresses", async () => {
    await finish(vpc().DetachNetworkInterface({ NetworkInterfaceId: eni.eniId, InstanceId: a.instanceId }));
    expect(a.namespace.ip("link", "show").map((it: { ifname: string }) => it.ifname)).not.toContain("eth1");
    expect(router.ip("link", "show").map((it: { ifname: string }) => it.ifname)).not.toContain(eni.eniId);
    expect(router.run("nft", "list", "set", "inet", "vpc", "allowed")).not.toContain(eni.eniId);
    expect(waysAround()).toEqual([]);
    expect(router.run("ip", "neighbour", "show", "dev", a.primaryEniId)).not.toContain(eni.secondary);
    expect(await finish(vpc().DeleteNetworkInterface({ NetworkInterfaceId: eni.eniId }))).toBe("SUCCESS");
  });

  it("plugs a machine's links in again when its power comes back", async () => {
    await control.stopInstance(a.instanceId);
    expect(a.namespace.ip("link", "show").map((it: { ifname: string }) => it.ifname)).toEqual(["lo"]);
    expect(ping(b, a.address)).toBeUndefined();
    await control.startInstance(a.instanceId);
    configurePrimary(a);
    expect(ping(b, a.address)).toBeDefined();
  });

  it("detaches from a machine whose namespace has died", async () => {
    const lost = await simulated.addMachine("node-c", { instanceId: "ins-node000c", address: "10.0.1.213" });
    const { eniId } = await attachEni(lost, "eth1");
    namespaces.remove(lost.namespace);
    const detached = vpc().DetachNetworkInterface({ NetworkInterfaceId: eniId, InstanceId: lost.instanceId });
    expect(await finish(detached)).toBe("SUCCESS");
    await control.removeInstance(lost.instanceId);
    expect((await control.readState()).enis.map((it) => it.eniId)).not.toContain(lost.primaryEniId);
  });

  it("refuses a machine whose namespace is not there, and keeps nothing of it", async () => {
    const request = {
      instanceId: "ins-node000d",
      name: "node-d",
      instanceType: "S5.MEDIUM4",
      zone: "ap-sim-1",
      subnetId: "subnet-node0001",
      privateIp: "10.0.1.214",
      netns: "/run/netns/tkfab-none",
    };
    await expect(control.addInstance(request)).rejects.toThrow(/tkfab-none/);
    expect((await control.readState()).instances.map((it) => it.name)).not.toContain("node-d");
  });

  it("does not take over a namespace that is in use", () => {
    const used = namespaces.make("used");
    used.run("ip", "link", "add", "eth0", "up", "type", "veth", "peer", "name", "eth1");
    const config = simulated.configuration;
    const main = join(import.meta.dir, "../../src/sim/main.ts");
    expect(() => used.run(process.execPath, main, "--config", config)).toThrow(
      /ended with 1: .* its link eth0 is up/,
    );
    expect(used.ip("address", "show", "dev", "lo")[0].addr_info[0].local).toBe("127.0.0.1");
  });

  it("stops when it is asked to, and clears at the next start what it left", async () => {
    expect(await simulated.stop()).toBe(0);
    expect(router.ip("link", "show").map((it: { ifname: string }) => it.ifname)).toContain(b.primaryEniId);
    await simulated.start();
    expect(
      router
        .ip("link", "show")
        .map((it: { ifname: string }) => it.ifname)
        .sort(),
    ).toEqual(["lo", "mgmt", "out"]);
    expect((await control.readState()).instances).toEqual([]);
  });
});
