import { beforeEach, describe, expect, test } from "bun:test";
import { type Node, nodes, type Taint } from "../../kube/core-resources.ts";
import type { Occurrence } from "../../kube/event-series.ts";
import { KubeError } from "../../kube/kube-error.ts";
import type { Readiness } from "../node/ready-condition.ts";
import { NodeSignals } from "./node-signals.ts";
import { Notices } from "./notices.ts";

const OURS: Taint = { key: "tke.cloud.tencent.com/eni-ip-unavailable", value: "true", effect: "NoSchedule" };
const THEIRS: Taint = { key: "example.com/gpu", effect: "NoSchedule" };
const NOW = Date.parse("2026-03-01T12:00:00.500Z");

const serving: Readiness = { ready: true, reason: "Serving", message: "5 addresses are assigned" };
const full: Readiness = { ready: false, reason: "SubnetFull", message: "add a subnet" };

function nodeWith(taints?: Taint[], conditions: NonNullable<Node["status"]>["conditions"] = []): Node {
  return {
    metadata: {
      name: "node-1",
      uid: "uid-1",
      resourceVersion: "7",
      creationTimestamp: "2026-03-01T12:00:00Z",
    },
    spec: { ...(taints && { taints }) },
    status: { conditions },
  };
}

let stored: Node;
let refusal: KubeError | undefined;
let writes: object[];
let events: Occurrence[];

beforeEach(() => {
  stored = nodeWith([THEIRS]);
  refusal = undefined;
  writes = [];
  events = [];
});

function signals(on: { taint: boolean; condition: boolean } = { taint: true, condition: true }): NodeSignals {
  async function write(object: object): Promise<never> {
    writes.push(object);
    if (refusal !== undefined) throw refusal;
    return stored as never;
  }
  return new NodeSignals({
    kube: {
      get: async (resource, name) => {
        expect([resource.plural, name]).toEqual([nodes.plural, "node-1"]);
        return stored as never;
      },
      mergePatch: async (_resource, _name, { patch }) => write(patch),
      applyStatus: async (_resource, object) => write(object),
    },
    notices: new Notices({ record: (occurrence) => void events.push(occurrence) }),
    now: () => NOW,
    ...on,
  });
}

describe("NodeSignals.show()", () => {
  test("taints a Node on which pods get no address, under its version and beside taints of others", async () => {
    await signals().show(stored, full);
    expect(writes[0]).toEqual({ metadata: { resourceVersion: "7" }, spec: { taints: [THEIRS, OURS] } });
    expect(writes[1]).toMatchObject({
      metadata: { name: "node-1", uid: "uid-1" },
      status: {
        conditions: [
          {
            type: "ENIIPUnavailable",
            status: "True",
            reason: "SubnetFull",
            message: "add a subnet",
            lastTransitionTime: "2026-03-01T12:00:00Z",
          },
        ],
      },
    });
    expect(events).toMatchObject([
      { reason: "SubnetFull", message: "add a subnet", about: { name: "node-1" } },
    ]);
  });

  test("takes both back when pods get addresses again, and leaves no trace on a Node that never lacked any", async () => {
    const before = {
      type: "ENIIPUnavailable",
      status: "True",
      reason: "SubnetFull",
      message: "add a subnet",
      lastTransitionTime: "2026-03-01T11:00:00Z",
    } as const;
    stored = nodeWith([OURS, THEIRS], [before]);
    await signals().show(stored, serving);
    expect(writes[0]).toMatchObject({ spec: { taints: [THEIRS] } });
    expect(writes[1]).toMatchObject({
      status: {
        conditions: [{ status: "False", reason: "Serving", lastTransitionTime: "2026-03-01T12:00:00Z" }],
      },
    });
    expect(events).toEqual([]);

    writes = [];
    stored = nodeWith();
    await signals().show(stored, serving);
    expect(writes).toEqual([]);
  });

  test("another reason moves no date; the same one is not written again", async () => {
    const before = {
      type: "ENIIPUnavailable",
      status: "True",
      reason: "QuotaReached",
      lastTransitionTime: "2026-03-01T11:00:00Z",
    } as const;
    stored = nodeWith([OURS], [before]);
    await signals().show(stored, full);
    expect(writes).toMatchObject([
      { status: { conditions: [{ lastTransitionTime: "2026-03-01T11:00:00Z" }] } },
    ]);
    writes = [];
    stored = nodeWith([OURS], [{ ...before, reason: "SubnetFull" }]);
    await signals().show(stored, { ...full, message: "another figure" });
    expect(writes).toEqual([]);
  });

  test("looks at the Node as it is now before it writes taints", async () => {
    const seen = nodeWith();
    stored = nodeWith([OURS]);
    await signals({ taint: true, condition: false }).show(seen, full);
    expect(writes).toEqual([]);
  });

  test("writes nothing of what is switched off, and tells it all the same", async () => {
    await signals({ taint: false, condition: false }).show(stored, full);
    expect(writes).toEqual([]);
    expect(events).toHaveLength(1);
  });

  test("what is told once is told again after it was over; attaching is no event", async () => {
    const parts = signals({ taint: false, condition: false });
    await parts.show(stored, full);
    await parts.show(stored, full);
    await parts.show(stored, { ready: false, reason: "Attaching", message: "seconds" });
    await parts.show(stored, full);
    expect(events.map(({ reason }) => reason)).toEqual(["SubnetFull", "SubnetFull"]);
  });

  test("the VPC's limit of ENIs has the name that people know from TKE", async () => {
    await signals({ taint: false, condition: false }).show(stored, { ...full, reason: "VPCLimit" });
    expect(events.map(({ reason }) => reason)).toEqual(["ENILimit"]);
  });

  test("a Node that changed or went meanwhile is left to the next look; any other refusal is told to the caller", async () => {
    refusal = new KubeError("changed", { status: 409, reason: "Conflict" });
    await signals().show(stored, full);
    refusal = new KubeError("gone", { status: 404, reason: "NotFound" });
    await signals().show(stored, full);
    refusal = new KubeError("may not", { status: 403, reason: "Forbidden" });
    expect(signals().show(stored, full)).rejects.toThrow("may not");
  });
});
