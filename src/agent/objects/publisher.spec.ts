import { expect, it } from "bun:test";
import { VPC_IP, type VpcIP } from "../../api/vpc-ip.ts";
import { KubeError } from "../../kube/kube-error.ts";
import type { Resource } from "../../kube/resource.ts";
import { eventually } from "../../kube/testing/eventually.ts";
import { systemWaitingClock } from "../../time/waiting-clock.ts";
import { Publisher, type StatusToPublish } from "./publisher.ts";

const vips: Resource<VpcIP> = VPC_IP;

/** An API server that keeps statuses, and a watch that shows them when the test says so. */
class Bench {
  readonly sent: { name: string; status: object }[] = [];
  failures: Error[] = [];
  /** Objects whose every write is refused. */
  refused = new Set<string>();
  refusals = 0;
  wanted: Record<string, object> = {};
  observed: Record<string, { use: object | undefined; version: number }> = {};
  #version = 100;
  readonly publisher: Publisher;

  constructor() {
    const quiet = { debug() {}, info() {}, warn() {}, error() {} };
    const applyStatus = async (_: unknown, object: { metadata: { name: string }; status?: object }) => {
      const failure = this.failures.shift();
      if (failure !== undefined) throw failure;
      const { name } = object.metadata;
      if (this.refused.has(name)) {
        this.refusals++;
        throw new KubeError("conflict", { status: 409, reason: "Conflict" });
      }
      this.sent.push({ name, status: object.status ?? {} });
      return { metadata: { name, resourceVersion: String(++this.#version) } };
    };
    this.publisher = new Publisher(
      {
        // biome-ignore lint/suspicious/noExplicitAny: generic over every kind, of which this is one
        kube: { applyStatus: applyStatus as any },
        clock: systemWaitingClock,
        random: () => 0,
        logger: quiet,
        rush: { outlast: async () => {} },
      },
      () => this.#list(),
    );
  }

  /** The watch catches up with what was sent. */
  catchUp(name: string, use: object): void {
    this.observed[name] = { use, version: this.#version };
  }

  #list(): StatusToPublish[] {
    return Object.entries(this.wanted).map(([name, use]) => ({
      resource: vips,
      seen: {
        name,
        uid: `uid-${name}`,
        resourceVersion: String(this.observed[name]?.version ?? 1),
      },
      wanted: { use },
      observed: { use: this.observed[name]?.use },
    }));
  }

  async settle(): Promise<void> {
    this.publisher.request();
    await systemWaitingClock.sleep(250);
  }
}

it("sends what differs, once, with the object's UID", async () => {
  const bench = new Bench();
  bench.wanted = { "10.0.16.5": { state: "Free", since: "a" } };
  await bench.settle();
  await bench.settle();
  expect(bench.sent).toEqual([{ name: "10.0.16.5", status: { use: { state: "Free", since: "a" } } }]);
});

it("makes one write of changes that follow each other closely", async () => {
  const bench = new Bench();
  for (const state of ["InUse", "CoolingDown", "Free"]) {
    bench.wanted = { "10.0.16.5": { state } };
    bench.publisher.request();
  }
  await bench.settle();
  expect(bench.sent).toHaveLength(1);
  expect(bench.sent[0]?.status).toEqual({ use: { state: "Free" } });
});

it("sends nothing when only the date differs", async () => {
  const bench = new Bench();
  bench.observed = { "10.0.16.5": { use: { state: "Free", since: "a" }, version: 5 } };
  bench.wanted = { "10.0.16.5": { state: "Free", since: "b" } };
  await bench.settle();
  expect(bench.sent).toEqual([]);
});

it("sends nothing when only the date of a condition differs from what was sent, while the watch still shows what was before", async () => {
  const bench = new Bench();
  bench.wanted = { "10.0.16.5": { conditions: [{ status: "True", lastTransitionTime: "a" }] } };
  await bench.settle();
  bench.wanted = { "10.0.16.5": { conditions: [{ status: "True", lastTransitionTime: "b" }] } };
  await bench.settle();
  expect(bench.sent).toHaveLength(1);
});

it("writes again over what somebody else has made of it, once the watch shows that", async () => {
  const bench = new Bench();
  bench.wanted = { "10.0.16.5": { state: "Free" } };
  await bench.settle();
  bench.catchUp("10.0.16.5", { state: "InUse" });
  await bench.settle();
  expect(bench.sent).toHaveLength(2);
});

it("writes again over what a restored backup has made of it, though that has an older version than what was sent", async () => {
  const bench = new Bench();
  bench.wanted = { "10.0.16.5": { state: "InUse" } };
  await bench.settle();
  bench.observed = { "10.0.16.5": { use: { state: "Free" }, version: 7 } };
  await bench.settle();
  expect(bench.sent).toHaveLength(1);
  bench.publisher.sawList(vips.plural);
  await bench.settle();
  expect(bench.sent).toHaveLength(2);
});

it("tries again after a failure, with what is true by then", async () => {
  const bench = new Bench();
  bench.failures = [new KubeError("no", { status: 503, reason: "" })];
  bench.wanted = { "10.0.16.5": { state: "InUse" } };
  bench.publisher.request();
  await eventually("the first try has failed", () => bench.failures.length === 0);
  bench.wanted = { "10.0.16.5": { state: "Free" } };
  await eventually("the second try", () => bench.sent.length > 0);
  expect(bench.sent).toMatchObject([{ status: { use: { state: "Free" } } }]);
});

it("lets one object that is refused hold up no other", async () => {
  const bench = new Bench();
  bench.refused.add("10.0.16.5");
  bench.wanted = { "10.0.16.5": { state: "InUse" } };
  bench.publisher.request();
  await eventually("the pauses have become long", () => bench.refusals === 5);
  bench.wanted = { ...bench.wanted, "10.0.16.6": { state: "Free" } };
  await bench.settle();
  expect(bench.sent.map(({ name }) => name)).toEqual(["10.0.16.6"]);
  bench.refused.clear();
  await eventually("the other one, when it is its turn", () => bench.sent.length === 2);
  await bench.publisher.stop();
});

it("lets an object go that is not there any more", async () => {
  const bench = new Bench();
  bench.failures = [new KubeError("gone", { status: 404, reason: "NotFound" })];
  bench.wanted = { "10.0.16.5": { state: "InUse" } };
  await bench.settle();
  expect(bench.failures).toEqual([]);
  expect(bench.sent).toEqual([]);
  await bench.publisher.stop();
});
