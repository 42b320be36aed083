import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { NEC_ANNOTATIONS, NODE_ANNOTATIONS, NODE_LABELS } from "../../api/annotations.ts";
import { type NodeSettings, type NodeSettingsInput, readNodeSettings } from "./node-settings.ts";

interface Given {
  nec?: Record<string, string>;
  spec?: NodeSettingsInput["config"]["spec"];
  node?: Record<string, string>;
  label?: string;
  pods?: string;
  quota?: NodeSettingsInput["quota"];
  inUse?: NodeSettingsInput["inUse"];
  subnets?: string[];
}

/** Reads one state of the world after the other, each with what was good before. */
function readAll(...worlds: Given[]): ReturnType<typeof readNodeSettings> {
  let last: ReturnType<typeof readNodeSettings> | undefined;
  for (const given of worlds) last = readNodeSettings(inputOf(given), last?.settings);
  if (last === undefined) throw new Error("nothing to read");
  return last;
}

function inputOf(given: Given): NodeSettingsInput {
  return {
    config: { metadata: { name: "node-1", annotations: given.nec ?? {} }, spec: given.spec ?? {} },
    node: {
      metadata: {
        annotations: given.node ?? {},
        labels: given.label === undefined ? {} : { [NODE_LABELS.subnetIds]: given.label },
      },
      status: { capacity: { pods: given.pods ?? "110" } },
    },
    defaults: { warm: { min: 5, max: 5 } },
    quota: given.quota ?? { enis: 8, addressesPerEni: 30 },
    inUse: given.inUse ?? { enis: 0, mostPerEni: 0, total: 0 },
    subnets: given.subnets ?? ["subnet-a", "subnet-b"],
  };
}

const { minWarm, maxWarm, maxEnis, maxAddressesPerEni } = NEC_ANNOTATIONS;
const warmOf = (min: string, max: string) => ({ nec: { [minWarm]: min, [maxWarm]: max } });
const messages = (read: ReturnType<typeof readNodeSettings>) => read.problems.map((p) => p.message);

test("a node of which nobody has set anything has the defaults, its quota and its maxPods", () => {
  expect(readAll({})).toEqual({
    settings: {
      warm: { min: 5, max: 5 },
      maxEnis: 7,
      maxAddressesPerEni: 29,
      maxAddresses: 110,
      disabled: false,
      accepted: {},
    },
    problems: [],
  });
  expect(readAll({ pods: "1k" }).settings.maxAddresses).toBe(203);
});

describe("warm targets", () => {
  test("both together are in force at once, 0/0 too", () => {
    expect(readAll(warmOf("2", "8")).settings.warm).toEqual({ min: 2, max: 8 });
    expect(readAll(warmOf("0", "0"))).toMatchObject({ settings: { warm: { min: 0, max: 0 } }, problems: [] });
  });

  test("one alone is ignored, with a sentence", () => {
    const read = readAll({ nec: { [minWarm]: "2" } });
    expect(read.settings.warm).toEqual({ min: 5, max: 5 });
    expect(messages(read)).toEqual([
      `${minWarm} "2" counts only together with ${maxWarm}, which is not set: a warm target of 5/5 is in force; correct or remove it`,
    ]);
  });

  test("a wrong value leaves the last good ones in force, until it is corrected or removed", () => {
    const wrong = readAll(warmOf("2", "8"), warmOf("9", "8"));
    expect(wrong.settings.warm).toEqual({ min: 2, max: 8 });
    expect(messages(wrong)).toEqual([
      `${minWarm} "9" is above ${maxWarm}, which is 8: a warm target of 2/8 is in force; correct or remove it`,
    ]);
    expect(readAll(warmOf("2", "8"), warmOf("x", "-1")).problems.map((p) => p.key)).toEqual([
      minWarm,
      maxWarm,
    ]);
    expect(readAll(warmOf("2", "8"), warmOf("9", "8"), {}).settings.warm).toEqual({ min: 5, max: 5 });
    expect(readAll(warmOf("2", "8"), warmOf("9", "8"), warmOf("7", "8")).settings.warm).toEqual({
      min: 7,
      max: 8,
    });
  });
});

describe("limits", () => {
  test("annotations win over the spec, and neither lifts the quota", () => {
    expect(readAll({ spec: { maxRouteENI: 3, maxIPPerENI: 10 } }).settings).toMatchObject({
      maxEnis: 3,
      maxAddressesPerEni: 10,
      maxAddresses: 30,
    });
    const nec = { [maxEnis]: "2", [maxAddressesPerEni]: "100" };
    expect(readAll({ nec, spec: { maxRouteENI: 3, maxIPPerENI: 10 } }).settings).toMatchObject({
      maxEnis: 2,
      maxAddressesPerEni: 29,
      maxAddresses: 58,
    });
  });

  test("the number of pods desired caps all of them", () => {
    const node = { [NODE_ANNOTATIONS.maxAddresses]: "12" };
    expect(readAll({ node }).settings.maxAddresses).toBe(12);
  });

  test("one below what is in use is refused: what was in force stays, and it counts once the pods are gone", () => {
    const busy = { enis: 3, mostPerEni: 20, total: 50 };
    const five = { nec: { [maxEnis]: "5" }, inUse: busy };
    const two = { nec: { [maxEnis]: "2" }, inUse: busy };
    const refused = readAll(five, two);
    expect(refused.settings.maxEnis).toBe(5);
    expect(messages(refused)).toEqual([
      `${maxEnis} "2" is below what is in use (pods hold addresses on 3 ENIs; move pods off the node first): 5 is in force; correct or remove it`,
    ]);
    expect(readAll({}, two).settings.maxEnis).toBe(7);
    expect(
      readAll(five, two, { ...two, inUse: { enis: 2, mostPerEni: 20, total: 30 } }).settings.maxEnis,
    ).toBe(2);
  });

  test("on a first reading one below use is raised to it, and stays there", () => {
    const two = { nec: { [maxEnis]: "2" }, inUse: { enis: 3, mostPerEni: 20, total: 50 } };
    expect(readAll(two).settings.maxEnis).toBe(3);
    expect(readAll(two, two).settings.maxEnis).toBe(3);
  });

  test("one that was accepted stays, whatever has come into use since", () => {
    const two = { nec: { [maxEnis]: "2" } };
    const read = readAll(two, { ...two, inUse: { enis: 3, mostPerEni: 1, total: 3 } });
    expect(read).toMatchObject({ settings: { maxEnis: 2 }, problems: [] });
  });

  test("a wrong annotation at first leaves the spec's", () => {
    const read = readAll({ nec: { [maxAddressesPerEni]: "0" }, spec: { maxIPPerENI: 4 } });
    expect(read.settings.maxAddressesPerEni).toBe(4);
    expect(messages(read)).toEqual([
      `${maxAddressesPerEni} "0" is not a whole number from 1 to 9999: 4 is in force; correct or remove it`,
    ]);
  });

  test("a quota that has changed counts, also under a wrong value", () => {
    const wrong = { nec: { [maxEnis]: "all" } };
    expect(readAll(wrong, { ...wrong, quota: { enis: 4, addressesPerEni: 10 } }).settings.maxEnis).toBe(3);
  });
});

test.each([
  ["true", true],
  ["yes", true],
  ["false", false],
  ["no", false],
])("disable-node-eni %s", (value, disabled) => {
  const read = readAll({ node: { [NODE_ANNOTATIONS.disabled]: value } });
  expect(read).toMatchObject({ settings: { disabled }, problems: [] });
});

test("a wrong disable-node-eni changes nothing", () => {
  const as = (value: string) => ({ node: { [NODE_ANNOTATIONS.disabled]: value } });
  expect(readAll(as("1")).settings.disabled).toBe(false);
  const read = readAll(as("yes"), as("1"));
  expect(read.settings.disabled).toBe(true);
  expect(messages(read)).toEqual([
    `${NODE_ANNOTATIONS.disabled} "1" is none of true, yes, false and no: true is in force; correct or remove it`,
  ]);
});

describe("subnets of a node", () => {
  test("are joined by dots or underscores", () => {
    expect(readAll({ label: "subnet-b.subnet-a" }).settings.subnetIds).toEqual(["subnet-b", "subnet-a"]);
    expect(readAll({ label: "subnet-b_subnet-a" }).settings.subnetIds).toEqual(["subnet-b", "subnet-a"]);
  });

  test("that are not configured are ignored", () => {
    const read = readAll({ label: "subnet-b.subnet-x" });
    expect(read.settings.subnetIds).toEqual(["subnet-b"]);
    expect(messages(read)).toEqual([
      `${NODE_LABELS.subnetIds} "subnet-b.subnet-x" names subnet-x, which is none of the configured subnets (subnet-a, subnet-b): subnet-b is in force; correct or remove it`,
    ]);
    expect(readAll({ label: "subnet-b" }, { label: "subnet-x" }).settings.subnetIds).toEqual(["subnet-b"]);
    expect(readAll({ label: "subnet-x" }).settings.subnetIds).toBeUndefined();
    expect(messages(readAll({ label: "" }))[0]).toContain("names no subnet");
  });

  test("that are no longer configured no longer hold the node back", () => {
    const read = readAll({ label: "subnet-b" }, { label: "subnet-b", subnets: ["subnet-a"] });
    expect(read.settings.subnetIds).toBeUndefined();
    expect(read.problems).toHaveLength(1);
  });
});

test("whatever people write: always within quota and maxPods, warm targets in order, and repeating it changes nothing", () => {
  const text = fc.oneof(
    fc.nat(12_000).map(String),
    fc.constantFrom("", "x", "-1", "1.5", "007", "1e3", " 3", "true"),
  );
  const marks = (keys: readonly string[]) =>
    fc.dictionary(fc.constantFrom(...keys), text, { maxKeys: keys.length });
  const world = fc.record({
    nec: marks(Object.values(NEC_ANNOTATIONS)),
    node: marks(Object.values(NODE_ANNOTATIONS)),
    label: fc.constantFrom("subnet-a", "subnet-x", "subnet-a.subnet-x", "_"),
    pods: fc.nat(300).map(String),
    quota: fc.record({ enis: fc.nat(9), addressesPerEni: fc.nat(40) }),
    inUse: fc.record({ enis: fc.nat(8), mostPerEni: fc.nat(39), total: fc.nat(200) }),
  });
  fc.assert(
    fc.property(fc.array(world, { minLength: 1, maxLength: 6 }), (worlds) => {
      let last: NodeSettings | undefined;
      for (const given of worlds) {
        const { settings, problems } = readNodeSettings(inputOf(given), last);
        expect(settings.warm.min).toBeLessThanOrEqual(settings.warm.max);
        expect(settings.maxEnis).toBeLessThanOrEqual(Math.max(0, given.quota.enis - 1));
        expect(settings.maxAddressesPerEni).toBeLessThanOrEqual(Math.max(0, given.quota.addressesPerEni - 1));
        expect(settings.maxAddresses).toBeLessThanOrEqual(
          Math.min(settings.maxEnis * settings.maxAddressesPerEni, Number(given.pods)),
        );
        expect(new Set(problems.map((p) => p.key)).size).toBe(problems.length);
        expect(readNodeSettings(inputOf(given), settings)).toEqual({ settings, problems });
        last = settings;
      }
    }),
  );
});
