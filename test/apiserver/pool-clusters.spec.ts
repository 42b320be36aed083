// Two clusters in one VPC: two API servers, two ipamds, one vpc-sim.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { adopt } from "../../src/ipamd/adopt.ts";
import { namespaces, nodes } from "../../src/kube/core-resources.ts";
import { systemWaitingClock } from "../../src/time/waiting-clock.ts";
import { joinPool, type Pool, startPool, until } from "./ipamd-harness.ts";

// Each wait has a deadline of its own.
setDefaultTimeout(60_000);

let first: Pool;
let second: Pool;

beforeAll(async () => {
  first = await startPool();
  second = await joinPool(first);
  await first.restart({ clusterId: "cluster-a" });
}, 300_000);

afterAll(async () => {
  await second?.stop();
  await first?.stop();
}, 60_000);

const uidOf = async (pool: Pool) => (await pool.kube.get(namespaces, "kube-system")).metadata.uid;

describe("two clusters in one VPC", () => {
  test("of different ids never touch each other's ENIs", async () => {
    await second.restart({ clusterId: "cluster-b" });
    const mine = await first.addNode("worker-1");
    const theirs = await second.addNode("worker-1");
    await first.untilAddresses("worker-1", 3);
    await second.untilAddresses("worker-1", 3);
    const [eni] = await first.cloudEnisOf(mine.instanceId);
    expect(eni?.tags).toMatchObject({
      "tke-eni/cluster-id": "cluster-a",
      "tke-eni/cluster-uid": await uidOf(first),
    });

    await second.removeNode("worker-1");
    expect(await second.cloudEnisOf(theirs.instanceId)).toEqual([]);
    expect((await first.cloudEnisOf(mine.instanceId)).map((it) => it.eniId)).toEqual([eni?.eniId as string]);
    expect(await first.addressesOf("worker-1")).toHaveLength(3);
    await second.stopIpamd();
  });

  test("of one id: the second refuses to work, until it adopts what the first has left", async () => {
    const { instanceId } = await first.addNode("worker-2");
    await first.untilAddresses("worker-2", 3);
    const before = await first.cloudEnis();
    const [eni] = await first.cloudEnisOf(instanceId);

    const refused = await second.restart({ clusterId: "cluster-a" });
    await second.registerNode("worker-2", instanceId);
    const failure = await refused.failed.catch((error: Error) => error.message);
    const [uid, other] = [await uidOf(second), await uidOf(first)];
    expect(failure).toContain(
      `belong to another cluster of the same id "cluster-a" (UID of kube-system ${other}, here ${uid})`,
    );
    expect(failure).toContain(`run "tke-eni-ipamd adopt --from-uid ${other}"`);
    await second.stopIpamd();
    expect(await first.cloudEnis()).toEqual(before);
    expect(await second.enisOf("worker-2")).toEqual([]);

    await first.stopIpamd();
    const world = {
      transport: await second.connect(),
      cloud: second.connectCloud(),
      clock: systemWaitingClock,
    };
    let printed = "";
    const print = (text: string) => {
      printed += text;
    };
    await adopt(world, { clusterId: "cluster-a", fromUid: undefined, print });
    expect(printed).toContain(`tke-eni-ipamd adopt --from-uid ${other}`);
    expect(await first.cloudEnis()).toEqual(before);
    expect(adopt(world, { clusterId: "cluster-a", fromUid: "nobody", print })).rejects.toThrow(
      'has the UID "nobody"',
    );
    await adopt(world, { clusterId: "cluster-a", fromUid: other, print });
    await second.restart({ clusterId: "cluster-a" });
    await second.untilAddresses("worker-2", 3);
    expect((await second.enisOf("worker-2")).map(({ metadata }) => metadata.name)).toEqual([
      eni?.eniId as string,
    ]);
    // The other node of the former cluster is none here: what it had goes as a Node's that is gone.
    await until("its end", async () => (await second.cloudEnis()).length === 1);
    expect(await second.kube.find(nodes, "worker-1")).toBeUndefined();
  });

  test("and the first, should it come back, refuses in its turn", async () => {
    const back = await first.startAnother({ clusterId: "cluster-a" });
    const failure = await back.failed.catch((error: Error) => error.message);
    expect(failure).toContain(`UID of kube-system ${await uidOf(second)}, here ${await uidOf(first)}`);
    await back.stop();
    expect(await second.enisOf("worker-2")).toHaveLength(1);
  });
});
