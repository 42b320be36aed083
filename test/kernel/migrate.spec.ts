import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { CloudError } from "../../src/cloud/cloud-error.ts";
import type { Eni } from "../../src/cloud/cloud-vpc.ts";
import { TencentVpc } from "../../src/cloud/tencent/tencent-vpc.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import { type Machine, SimulatedVpc } from "./simulated-vpc.ts";
import { ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

// Who may send from an address, and to whom it leads, while it moves from an ENI to another: in real namespaces, over the real SDK.

const namespaces = new ThrowAwayNamespaces("tkmig");
const simulated = new SimulatedVpc(namespaces);
const { router, outside, world, control, apiAddress } = simulated;
const address = "10.0.16.77";
const vpc = new TencentVpc({
  region: world.region,
  credential: async () => ({
    secretId: world.credentials[0]?.secretId ?? "",
    secretKey: world.credentials[0]?.secretKey ?? "",
  }),
  protocol: "http",
  domain: apiAddress,
  timeoutMs: 5000,
});
let a: Machine;
let b: Machine;
/** The ENIs of the two machines. */
let from: string;
let to: string;

beforeAll(async () => {
  await simulated.start();
  a = await simulated.addMachine("node-a", { instanceId: "ins-node000a", address: "10.0.1.211" });
  b = await simulated.addMachine("node-b", { instanceId: "ins-node000b", address: "10.0.1.212" });
  [from, to] = [await attachEni(a), await attachEni(b)];
});

afterAll(async () => {
  await simulated.remove();
  namespaces.removeAll();
});

/** Attaches a new ENI, and has the machine send from the address by it whether it may or not. @returns its id */
async function attachEni({ instanceId, namespace: { run } }: Machine): Promise<string> {
  const { id } = await vpc.createAndAttach({
    name: instanceId,
    clientToken: instanceId,
    vpcId: "vpc-sim00001",
    subnetId: "subnet-pods0001",
    instanceId,
    securityGroupIds: [],
    addresses: 0,
    tags: [],
  });
  await readUntil(id, (eni) => eni.state === "available" && eni.instanceId === instanceId);
  run("ip", "link", "set", "eth1", "up");
  run("ip", "address", "add", `${address}/32`, "dev", "eth1");
  run("ip", "route", "add", "default", "via", "10.0.16.1", "dev", "eth1", "onlink", "table", "4001");
  run("ip", "rule", "add", "from", address, "lookup", "4001");
  return id;
}

function readUntil(eniId: string, holds: (eni: Eni) => boolean): Promise<Eni> {
  const read = async () => (await vpc.interfacesById([eniId])).find(holds);
  return waitUntil(`${eniId} as it is to be`, read, { deadlineMs: 5000, intervalMs: 10 });
}

/** What is read of the address: by each ENI that has it, its state. */
async function whereabouts(): Promise<[eniId: string, state: string][]> {
  const enis = await vpc.interfacesById([from, to]);
  return enis.flatMap((eni) =>
    eni.addresses
      .filter((it) => it.address === address)
      .map(({ state }): [string, string] => [eni.id, state]),
  );
}

const arrived = (eniId: string) =>
  readUntil(eniId, (eni) => eni.addresses.some((it) => it.address === address && it.state === "available"));

function pings({ run }: Machine["namespace"], target: string, ...options: string[]): boolean {
  try {
    run("ping", "-n", "-c", "1", "-W", "2", ...options, target);
    return true;
  } catch {
    return false;
  }
}

/** Whether the machine gets an answer to what it sends from the address. */
const sendsFrom = ({ namespace }: Machine) => pings(namespace, "10.0.1.1", "-I", address);

/** Packets from the address that the VPC has dropped where they came in, by ENI. */
async function dropped(eniId: string): Promise<number> {
  const { bySource } = await control.readDrops();
  return bySource.find((it) => it.eniId === eniId && it.source === address)?.packets ?? 0;
}

const isReached = () => pings(outside, address);

async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CloudError);
  return (error as CloudError).class;
}

describe("an address that moves from an ENI to another", () => {
  it("is the first one's as long as nobody moves it", async () => {
    await vpc.assignAddresses(from, [address]);
    await arrived(from);
    expect([sendsFrom(a), isReached()]).toEqual([true, true]);
    expect([sendsFrom(b), await dropped(to)]).toEqual([false, 1]);
    expect(await refusal(vpc.assignAddresses(to, [address]))).toBe("address-taken");
    expect(await refusal(vpc.assignAddresses(to, ["10.0.1.99"]))).toBe("permanent");
  });

  it("is nobody's from the moment that the call is accepted", async () => {
    await control.addFault({
      actions: ["MigratePrivateIpAddress"],
      calls: 1,
      effect: { kind: "stallTask" },
    });
    await vpc.migrate(address, { from, to });
    expect([sendsFrom(a), await dropped(from)]).toEqual([false, 1]);
    expect([sendsFrom(b), await dropped(to)]).toEqual([false, 2]);
    expect(isReached()).toBe(false);
    expect(router.run("ip", "route", "show", address)).toBe("");
    expect(await whereabouts()).toEqual([[from, "migrating"]]);
    for (const eniId of [from, to]) {
      expect([eniId, await refusal(vpc.assign(eniId, 1))]).toEqual([eniId, "retry-later"]);
    }
    expect(await refusal(vpc.migrate(address, { from, to }))).toBe("retry-later");
  });

  it("is the other one's when the move is done", async () => {
    await control.releaseStalledTasks();
    await arrived(to);
    expect(await whereabouts()).toEqual([[to, "available"]]);
    expect(router.ip("route", "show", address)[0].dev).toBe(to);
    expect([sendsFrom(b), isReached()]).toEqual([true, true]);
    expect([sendsFrom(a), await dropped(from)]).toEqual([false, 2]);
    expect(await refusal(vpc.migrate(address, { from, to }))).toBe("done-already");
  });

  it("comes back from the ENI of a machine that is gone, also where the answer is lost", async () => {
    await control.removeInstance(b.instanceId);
    expect(isReached()).toBe(false);
    await control.addFault({
      actions: ["MigratePrivateIpAddress"],
      calls: 1,
      effect: { kind: "loseAnswer" },
    });
    const back = { from: to, to: from };
    expect(await refusal(vpc.migrate(address, back))).toBe("unknown");
    await arrived(from);
    expect([sendsFrom(a), isReached()]).toEqual([true, true]);
    expect(await refusal(vpc.migrate(address, back))).toBe("done-already");
  });

  it("stays with the first one where the move fails", async () => {
    await control.addFault({
      actions: ["MigratePrivateIpAddress"],
      calls: 1,
      effect: { kind: "failTask" },
    });
    await vpc.migrate(address, { from, to });
    await arrived(from);
    expect([sendsFrom(a), isReached()]).toEqual([true, true]);
  });
});
