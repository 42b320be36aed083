// One owner at a time, whatever people do in the cloud's console, with kubectl and to etcd. The real ipamd against a real API server
// and vpc-sim; its pauses pass eight times as fast. Agents are played by hand.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { IPAMD_MANAGER } from "../../src/api/field-managers.ts";
import type { VpcENI } from "../../src/api/vpc-eni.ts";
import { CLOUD_FINALIZER, type VpcIP } from "../../src/api/vpc-ip.ts";
import { nodes } from "../../src/kube/core-resources.ts";
import {
  type HandAgent,
  necs,
  type Pool,
  startPool,
  throughout,
  until,
  venis,
  vips,
} from "./ipamd-harness.ts";

// Each wait has a deadline of its own.
setDefaultTimeout(60_000);

let pool: Pool;

beforeAll(async () => {
  pool = await startPool();
  await pool.restart();
}, 300_000);

afterAll(async () => {
  await pool?.stop();
}, 60_000);

interface Served {
  instanceId: string;
  agent: HandAgent;
  veni: VpcENI;
  eniId: string;
  addresses: readonly VpcIP[];
}

/** A node with three addresses on one ENI, of which its agent has spoken. */
async function served(name: string): Promise<Served> {
  const { instanceId } = await pool.addNode(name);
  const agent = pool.agentOf(name);
  const addresses = await pool.untilAddresses(name, 3);
  await agent.hasSpoken();
  const [veni] = await pool.enisOf(name);
  if (veni === undefined) throw new Error(`${name} has no ENI`);
  return { instanceId, agent, veni, eniId: veni.metadata.name, addresses };
}

async function hold({ agent, addresses }: Served): Promise<string> {
  const name = addresses[0]?.metadata.name ?? "";
  agent.held.add(name);
  await until(`${name} in use`, async () => (await pool.kube.get(vips, name)).status?.use?.state === "InUse");
  return name;
}

const secondaries = async (eniId: string) =>
  ((await pool.cloudEni(eniId))?.addresses ?? [])
    .filter((it) => !it.primary)
    .map((it) => it.address)
    .sort();

async function setNodeReady(name: string, ready: boolean): Promise<void> {
  const condition = {
    type: "Ready",
    status: ready ? "True" : "Unknown",
    reason: "Test",
    message: "",
    lastHeartbeatTime: new Date().toISOString(),
    lastTransitionTime: new Date().toISOString(),
  } as const;
  const { status } = await pool.kube.get(nodes, name);
  const others = status?.conditions?.filter(({ type }) => type !== "Ready") ?? [];
  await pool.kube.mergePatch(nodes, name, {
    subresource: "status",
    patch: { status: { conditions: [...others, condition] } },
  });
}

describe("the cloud's console", () => {
  test.concurrent("an ENI that was detached is attached again, with what it has", async () => {
    const { instanceId, eniId, addresses } = await served("detached");
    // From here on it is not available, until it has come back.
    await pool.control.detachEni(eniId);
    await until("on again", async () => {
      const eni = await pool.cloudEni(eniId);
      return eni?.instanceId === instanceId && eni.state === "AVAILABLE";
    });
    await pool.untilReason("detached", "Serving");
    const after = await pool.untilAddresses("detached", 3);
    expect(after.map(({ metadata }) => metadata.uid)).toEqual(addresses.map(({ metadata }) => metadata.uid));
    expect(await pool.cloudEnisOf(instanceId)).toHaveLength(1);
  });

  test.concurrent("an ENI that was deleted takes its objects along, and the node gets another", async () => {
    const { instanceId, eniId } = await served("deleted");
    await pool.control.detachEni(eniId);
    await until("its end in the cloud", async () => {
      try {
        await pool.control.deleteEni(eniId);
        return true;
      } catch {
        const eni = await pool.cloudEni(eniId);
        // ipamd may have been faster, and has attached it again.
        if (eni?.state === "AVAILABLE" && eni.instanceId !== null) await pool.control.detachEni(eniId);
        return eni === undefined;
      }
    });
    await until("its objects' end", async () => (await pool.kube.find(venis, eniId)) === undefined);
    await pool.untilAddresses("deleted", 3);
    const [eni] = await pool.cloudEnisOf(instanceId);
    expect(eni?.eniId).not.toBe(eniId);
  });

  test.concurrent("an ENI that lost its tags is kept, and nothing is made in its place", async () => {
    const node = await served("untagged");
    const { eniId, instanceId, veni } = node;
    await hold(node);
    const before = await secondaries(eniId);
    const [cloudEni] = await pool.cloudEnisOf(instanceId);
    await pool.control.changeTags(eniId, { remove: Object.keys(cloudEni?.tags ?? {}) });
    // Three readings of everything, which ask by tag.
    await throughout(12_000, "the ENI and its objects", async () => {
      const [object] = await pool.enisOf("untagged");
      return (
        object?.metadata.uid === veni.metadata.uid &&
        object?.spec.intent === "Attached" &&
        (await pool.addressesOf("untagged")).length === 3 &&
        (await pool.cloudEnisOf(instanceId)).length === 1
      );
    });
    expect(await secondaries(eniId)).toEqual(before);
  });

  test.concurrent("somebody else's ENI on the machine is never touched, nor when the Node goes", async () => {
    const instanceId = await pool.addMachine("shared");
    const theirs = await pool.control.createEni({
      subnetId: "subnet-pods0001",
      instanceId,
      secondaryCount: 2,
    });
    await until("it", async () => (await pool.cloudEni(theirs.eniId))?.state === "AVAILABLE");
    await pool.registerNode("shared", instanceId);
    pool.agentOf("shared");
    await pool.untilAddresses("shared", 3);
    expect((await pool.enisOf("shared")).map(({ metadata }) => metadata.name)).not.toContain(theirs.eniId);
    for (const address of theirs.addresses) expect(await pool.kube.find(vips, address)).toBeUndefined();
    await pool.removeNode("shared");
    const [left, ...others] = await pool.cloudEnisOf(instanceId);
    expect(others).toEqual([]);
    expect(left).toMatchObject({ eniId: theirs.eniId, state: "AVAILABLE" });
    expect(left?.addresses).toHaveLength(3);
  });
});

describe("machines", () => {
  test.concurrent("one that is stopped keeps all it has, says so, and serves again when it is started", async () => {
    const { instanceId, eniId } = await served("stopped");
    const before = await secondaries(eniId);
    await pool.control.stopInstance(instanceId);
    await setNodeReady("stopped", false);
    const condition = await pool.untilReason("stopped", "InstanceStopped");
    expect(condition).toMatchObject({ status: "False" });
    expect(condition.message).toContain(`instance ${instanceId} is stopped`);
    await throughout(3000, "its addresses", async () => (await secondaries(eniId)).join() === before.join());
    await pool.control.startInstance(instanceId);
    await setNodeReady("stopped", true);
    await pool.untilReason("stopped", "Serving");
    expect(await secondaries(eniId)).toEqual(before);
    expect(await pool.addressesOf("stopped")).toHaveLength(3);
  });

  test.concurrent("what one had that was terminated is collected after a second look, though its Node stays", async () => {
    const { instanceId, eniId } = await served("terminated");
    await pool.control.removeInstance(instanceId);
    await setNodeReady("terminated", false);
    await pool.untilReason("terminated", "NoInstance");
    await until("the ENI's end", async () => (await pool.cloudEni(eniId)) === undefined);
    await until(
      "its objects' end",
      async () =>
        (await pool.enisOf("terminated")).length + (await pool.addressesOf("terminated")).length === 0,
    );
    expect(await pool.kube.find(nodes, "terminated")).toBeDefined();
  });

  test.concurrent("a Node that goes with its agent down is released when the agent's time is over, or its machine", async () => {
    const down = await served("agent-down");
    await hold(down);
    down.agent.silent = true;
    const gone = await served("machine-gone");
    gone.agent.silent = true;
    await pool.control.removeInstance(gone.instanceId);
    await Promise.all([pool.removeNode("agent-down"), pool.removeNode("machine-gone")]);
    for (const { eniId } of [down, gone]) {
      expect(await pool.cloudEni(eniId)).toBeUndefined();
      expect(await pool.kube.find(venis, eniId)).toBeUndefined();
    }
  });

  test.concurrent("an agent that says nothing for long loses nothing", async () => {
    const { agent, eniId } = await served("silent");
    await pool.annotateConfig("silent", {
      "tke.cloud.tencent.com/route-eni-ip-min-warm-target": "0",
      "tke.cloud.tencent.com/route-eni-ip-max-warm-target": "0",
    });
    agent.silent = true;
    const before = await secondaries(eniId);
    await until(
      "the surplus to be asked for",
      async () =>
        [...(await pool.addressesOf("silent")), ...(await pool.enisOf("silent"))].some(
          ({ spec }) => spec.reclaim !== undefined,
        ),
      25_000,
    );
    await throughout(4000, "its addresses", async () => (await secondaries(eniId)).join() === before.join());
    agent.silent = false;
    await until("the end of the surplus", async () => (await pool.cloudEni(eniId)) === undefined);
  });
});

describe("kubectl", () => {
  test.concurrent("an address that a pod holds, and its ENI, go only when the pod has gone, whoever deletes their objects", async () => {
    const node = await served("kubectl");
    const address = await hold(node);
    await pool.kube.delete(vips, address);
    await pool.kube.delete(venis, node.eniId);
    await until("tokens", async () => {
      const vip = await pool.kube.get(vips, address);
      const veni = await pool.kube.get(venis, node.eniId);
      return vip.spec.reclaim?.mode === "when-free" && veni.spec.reclaim?.mode === "when-free";
    });
    await throughout(3000, "the address", async () => (await secondaries(node.eniId)).includes(address));
    // What the node needs meanwhile comes on another ENI.
    await until("another ENI", async () => (await pool.enisOf("kubectl")).length === 2);
    node.agent.held.clear();
    await until("the ENI's end", async () => (await pool.cloudEni(node.eniId)) === undefined);
    await until("its object's end", async () => (await pool.kube.find(venis, node.eniId)) === undefined);
    expect(await pool.enisOf("kubectl")).toHaveLength(1);
  });

  test.concurrent("a free address that somebody edited into another node's is put right, and its node goes on", async () => {
    const { eniId, addresses } = await served("edited");
    const name = addresses[0]?.metadata.name ?? "";
    await pool.kube.mergePatch(vips, name, {
      patch: { spec: { node: "nobody", instanceID: "ins-ffffffff" } },
    });
    await pool.addPods("edited", 2);
    await pool.untilAddresses("edited", 5);
    expect((await pool.kube.get(vips, name)).spec).toMatchObject({ eniID: eniId, node: "edited" });
  });

  test.concurrent("a VpcENI that somebody edited into another node's is put right, and its addresses with it", async () => {
    const { eniId, addresses } = await served("eni-edited");
    const name = addresses[0]?.metadata.name ?? "";
    const patch = { spec: { node: "nobody" } };
    await pool.kube.mergePatch(venis, eniId, { patch });
    await pool.kube.mergePatch(vips, name, { patch });
    await until("its node", async () => (await pool.kube.get(venis, eniId)).spec.node === "eni-edited");
    await pool.untilAddresses("eni-edited", 3);
    await pool.addPods("eni-edited", 2);
    await pool.untilAddresses("eni-edited", 5);
  });

  test.concurrent("a status that somebody edited is put right", async () => {
    await served("status-edited");
    const patch = { status: { zone: "nowhere", room: 99 } };
    await pool.kube.mergePatch(necs, "status-edited", { subresource: "status", patch });
    await until("what ipamd says", async () => {
      const { status } = await pool.kube.get(necs, "status-edited");
      return status?.zone === "ap-sim-1" && status.room !== 99;
    });
    await pool.addPods("status-edited", 2);
    await pool.untilAddresses("status-edited", 5);
  });

  test.concurrent("a NodeENIConfig that was deleted comes back, and says what is there", async () => {
    const { eniId, instanceId } = await served("nec-gone");
    const before = await pool.kube.get(necs, "nec-gone");
    await pool.kube.delete(necs, "nec-gone");
    const after = await until("another", async () => {
      const it = await pool.kube.find(necs, "nec-gone");
      return (
        it !== undefined && it.metadata.uid !== before.metadata.uid && it.status?.eniInfos !== undefined && it
      );
    });
    expect(after.status?.eniInfos?.map((it) => it.eniID)).toEqual([eniId]);
    expect(after.status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
    expect(await pool.cloudEnisOf(instanceId)).toHaveLength(1);
  });
});

describe("a machine under another name", () => {
  test("keeps its ENIs and the addresses that pods hold", async () => {
    const before = await served("old-name");
    const name = await hold(before);
    before.agent.silent = true;
    await pool.kube.delete(nodes, "old-name");
    await pool.registerNode("new-name", before.instanceId);
    const renamed = async () => (await pool.kube.get(vips, name)).spec.node === "new-name";
    await until(`${name} of new-name`, renamed);
    const agent = pool.agentOf("new-name");
    agent.held.add(name);
    await until("the end of the old one", async () => (await pool.kube.find(necs, "old-name")) === undefined);
    await pool.addPods("new-name", 2);
    await pool.untilAddresses("new-name", 5);
    expect((await pool.enisOf("new-name")).map(({ metadata }) => metadata.name)).toEqual([before.eniId]);
    expect((await pool.kube.get(vips, name)).metadata.uid).toBe(
      before.addresses.find(({ metadata }) => metadata.name === name)?.metadata.uid as string,
    );
    expect(await pool.cloudEnisOf(before.instanceId)).toHaveLength(1);
  });
});

describe("what happened while ipamd was away", () => {
  test("an address that was taken off loses its object, one that was put on is adopted", async () => {
    const { eniId, addresses } = await served("changed");
    const name = addresses[0]?.metadata.name ?? "";
    await pool.stopIpamd();
    await pool.control.unassignAddresses(eniId, [name]);
    await until("it to be off", async () => !(await secondaries(eniId)).includes(name));
    // The simulated cloud would give the lowest address out again.
    await pool.control.takeAddresses("subnet-pods0001", { addresses: [name] });
    const put = "10.0.16.240";
    await pool.control.assignAddresses(eniId, { addresses: [put] });
    await pool.restart();
    await until("its object's end", async () => (await pool.kube.find(vips, name)) === undefined);
    const adopted = await until("an object", () => pool.kube.find(vips, put));
    expect(adopted.spec).toMatchObject({ eniID: eniId, node: "changed" });
    await pool.untilAddresses("changed", 3);
  });
});

describe("an etcd that was restored from a backup", () => {
  test("an old answer beside an old token takes nothing that is in use again", async () => {
    const node = await served("restored");
    const address = await hold(node);
    await pool.addPods("restored", 1);
    await pool.untilAddresses("restored", 4);
    await pool.stopIpamd();
    node.agent.silent = true;
    await Bun.sleep(300);
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const token = "of-the-backup";
    const vip = await pool.kube.get(vips, address);
    const manager = { fieldManager: IPAMD_MANAGER, force: true };
    const metadata = (name: string) => ({ name, finalizers: [CLOUD_FINALIZER] });
    await pool.kube.apply(
      vips,
      { metadata: metadata(address), spec: { ...vip.spec, reclaim: { token, mode: "now" } } },
      manager,
    );
    await pool.sayUse(address, { state: "Reclaimable", token, since });
    await pool.kube.apply(
      venis,
      {
        metadata: metadata(node.eniId),
        spec: { ...node.veni.spec, intent: "Released", reclaim: { token, mode: "now" } },
      },
      manager,
    );
    await pool.sayEniUse(node.eniId, { state: "Reclaimable", token, since });

    await pool.restart();
    await until("fresh tokens", async () => {
      const fresh = [
        (await pool.kube.get(vips, address)).spec.reclaim,
        (await pool.kube.get(venis, node.eniId)).spec.reclaim,
      ];
      return fresh.every((it) => it !== undefined && it.token !== token);
    });
    await throughout(3000, "the address on its ENI, and that on its machine", async () => {
      const eni = await pool.cloudEni(node.eniId);
      return (
        eni?.state === "AVAILABLE" &&
        eni.instanceId === node.instanceId &&
        eni.addresses.every((it) => it.state === "AVAILABLE") &&
        eni.addresses.some((it) => it.address === address)
      );
    });
    node.agent.silent = false;
    await until("the refusal to be taken", async () => {
      const { spec } = await pool.kube.get(venis, node.eniId);
      return spec.intent === "Attached" && spec.reclaim === undefined;
    });
    await until(
      "the address to stay",
      async () => (await pool.kube.get(vips, address)).spec.reclaim === undefined,
    );
    expect(await secondaries(node.eniId)).toContain(address);
  });

  test("what it has forgotten is adopted, what it remembers and is no more goes, and an old intent makes nothing", async () => {
    const { instanceId, eniId, veni } = await served("forgotten");
    const nonce = (await pool.cloudEni(eniId))?.tags["tke-eni/nonce"] ?? "";
    await pool.stopIpamd();
    for (const vip of await pool.addressesOf("forgotten")) await strip(vips, vip.metadata.name);
    await strip(venis, eniId);
    const old = "eni-0bad0bad";
    await pool.kube.apply(
      venis,
      {
        metadata: { name: old, finalizers: [CLOUD_FINALIZER] },
        spec: { ...veni.spec, mac: "02:00:00:00:0b:ad" },
      },
      { fieldManager: IPAMD_MANAGER },
    );
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const creating = { nonce, subnetID: "subnet-pods0001", addresses: 3, since };
    await pool.kube.applyStatus(
      necs,
      { metadata: { name: "forgotten" }, status: { creating } },
      { fieldManager: IPAMD_MANAGER },
    );
    await pool.restart();
    await until("the old ENI's end", async () => (await pool.kube.find(venis, old)) === undefined);
    await pool.untilAddresses("forgotten", 3);
    await until(
      "the intent's end",
      async () => (await pool.kube.get(necs, "forgotten")).status?.creating === undefined,
    );
    expect((await pool.enisOf("forgotten")).map(({ metadata }) => metadata.name)).toEqual([eniId]);
    expect((await pool.cloudEnisOf(instanceId)).map((eni) => eni.eniId)).toEqual([eniId]);
  });

  test("an address whose object is of another node's ENI comes home", async () => {
    const left = await served("left");
    const right = await served("right");
    const address = left.addresses[0]?.metadata.name ?? "";
    left.agent.silent = true;
    right.agent.silent = true;
    const { spec } = await pool.kube.get(vips, address);
    await pool.kube.apply(
      vips,
      {
        metadata: { name: address, finalizers: [CLOUD_FINALIZER] },
        spec: { ...spec, eniID: right.eniId, node: "right", instanceID: right.instanceId },
      },
      { fieldManager: IPAMD_MANAGER },
    );
    await until("its return", async () => {
      const vip = await pool.kube.find(vips, address);
      return vip?.spec.eniID === left.eniId && vip.spec.node === "left";
    });
    expect(await secondaries(left.eniId)).toContain(address);
  });

  async function strip(resource: typeof vips | typeof venis, name: string): Promise<void> {
    await pool.kube.mergePatch(resource as typeof vips, name, { patch: { metadata: { finalizers: [] } } });
    await pool.kube.delete(resource as typeof vips, name);
  }
});
