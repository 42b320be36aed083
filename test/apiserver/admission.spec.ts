// What a real API server lets people set, by the policies of k8s/base/admission, and the components do, by their roles.
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import {
  NEC_ANNOTATIONS,
  NODE_ANNOTATIONS,
  NODE_LABELS,
  POD_ANNOTATIONS,
} from "../../src/api/annotations.ts";
import { CLUSTER_CONFIGURATION } from "../../src/api/cluster-configuration.ts";
import { IPAMD_MANAGER } from "../../src/api/field-managers.ts";
import { parseGoDuration } from "../../src/api/go-duration.ts";
import { NODE_ENI_CONFIG, type NodeENIConfig } from "../../src/api/node-eni-config.ts";
import { type Node, nodes, pods } from "../../src/kube/core-resources.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import type { ObjectMeta } from "../../src/kube/kube-object.ts";
import type { Resource } from "../../src/kube/resource.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { createTransport, type KubeTransport } from "../../src/kube/transport.ts";
import { type ApiServer, startApiServer } from "./start-api-server.ts";

setDefaultTimeout(60_000);

const root = join(import.meta.dir, "..", "..");
const necs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
const configMaps: Resource<{ metadata: ObjectMeta; data?: Record<string, string> }> = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};
const NODE = "node-1";
const POD = "web-0";
const { namespace, name: CONFIG_MAP } = CLUSTER_CONFIGURATION;

let server: ApiServer;
let transport: KubeTransport;
let kube: KubeClient;

beforeAll(async () => {
  server = await startApiServer();
  transport = await connect(server.kubeconfig);
  kube = createKubeClient(transport);
  await server.kubectl(["apply", "--server-side", "-k", join(root, "k8s/crds")]);
  await server.kubectl(["apply", "-k", join(root, "k8s/base/admission")]);
  for (const component of ["ipamd", "agent", "scheduler"]) {
    await server.kubectl([
      "apply",
      `--namespace=${namespace}`,
      "-f",
      join(root, `k8s/base/${component}/access.yaml`),
    ]);
  }
  await kube.create(nodes, { metadata: { name: NODE }, spec: {} });
  // No controller makes it here.
  await server.kubectl(["create", "serviceaccount", "default", "--namespace=default"]);
  // A new policy takes effect once the API server has seen it: until then each of these is taken, and undone.
  const wrong = {
    node: async () => {
      await annotateNode({ [NODE_ANNOTATIONS.disabled]: "maybe" });
      await annotateNode({ [NODE_ANNOTATIONS.disabled]: null });
    },
    NodeENIConfig: async () => {
      const annotations = { [NEC_ANNOTATIONS.minWarm]: "1" };
      await kube.create(necs, { metadata: { name: "probe", annotations }, spec: {} });
      await kube.delete(necs, "probe");
    },
    Pod: async () => {
      await makePod({ [POD_ANNOTATIONS.claimDeletePolicy]: "" });
      await deletePod();
    },
    ConfigMap: async () => {
      await makeConfigMap({ TKE_ENI_IPAMD_VPC_ID: "none" });
      await kube.delete(configMaps, CONFIG_MAP, { namespace });
    },
  };
  for (const [what, write] of Object.entries(wrong)) {
    await eventually(`a wrong ${what} is refused`, async () => (await refusal(write)) !== undefined, {
      withinMs: 30_000,
    });
  }
  await eventually(
    "what is lost or unknown is warned of",
    async () => {
      const annotations = { "tke.cloud.tencent.com/unknown": "x", [NEC_ANNOTATIONS.maxEnis]: "2" };
      const made = await warningsOf("POST", necPath(), { ...NEC, metadata: { name: "probe", annotations } });
      return made.length + (await warningsOf("DELETE", necPath("probe"))).length === 2;
    },
    { withinMs: 30_000 },
  );
}, 900_000);

afterAll(() => server?.stop());

/** Why the API server refused a write; undefined when it did not. */
async function refusal(write: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const NEC = { apiVersion: "networking.tke.cloud.tencent.com/v1", kind: "NodeENIConfig", spec: {} };

function necPath(...name: string[]): string {
  return ["/apis/networking.tke.cloud.tencent.com/v1/nodeeniconfigs", ...name].join("/");
}

async function connect(kubeconfig: string): Promise<KubeTransport> {
  return createTransport(await openServerAccess({ kubeconfig }), { userAgent: "test" });
}

/** What kubectl would print after `Warning: ` for a write, without the names of policy and binding. */
async function warningsOf(
  method: "POST" | "PATCH" | "DELETE",
  path: string,
  body?: object,
  by = transport,
): Promise<string[]> {
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const { headers } = await by.call({
    method,
    path,
    headers: { "content-type": type },
    ...(body && { body: JSON.stringify(body) }),
  });
  // RFC 9111, 5.5: warn-code, warn-agent, and the text quoted.
  return [...(headers.get("warning") ?? "").matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) =>
    text.replaceAll(/\\(.)/g, "$1").replace(/^Validation failed for .* with binding '[^']*': /, ""),
  );
}

function annotateNode(annotations: Record<string, string | null>): Promise<Node> {
  return kube.mergePatch(nodes, NODE, { patch: { metadata: { annotations } } });
}

function makePod(annotations: Record<string, string>) {
  return kube.create(pods, {
    metadata: { name: POD, namespace: "default", annotations },
    spec: { containers: [{ name: "main", image: "none" }] },
  });
}

function deletePod(): Promise<void> {
  return kube.delete(pods, POD, { namespace: "default", gracePeriodSeconds: 0 });
}

function makeConfigMap(data: Record<string, string>) {
  return kube.create(configMaps, { metadata: { name: CONFIG_MAP, namespace }, data });
}

describe("a NodeENIConfig", () => {
  const { minWarm, maxWarm, maxEnis, maxAddressesPerEni } = NEC_ANNOTATIONS;

  beforeEach(async () => {
    await refusal(() => kube.delete(necs, NODE));
    await kube.create(necs, { metadata: { name: NODE }, spec: {} });
    const eni = { mac: "", subnetID: "subnet-a", subnetCIDR: "10.0.16.0/24", primaryIP: "", addresses: 9 };
    await kube.applyStatus(
      necs,
      {
        metadata: { name: NODE },
        status: {
          eniInfos: [
            { ...eni, eniID: "eni-1", inUse: 7 },
            { ...eni, eniID: "eni-2", inUse: 2 },
            { ...eni, eniID: "eni-3", inUse: 0 },
            { ...eni, eniID: "eni-4" },
          ],
        },
      },
      { fieldManager: IPAMD_MANAGER },
    );
  });

  function set(annotations: Record<string, string | null>, spec: object = {}) {
    return kube.mergePatch(necs, NODE, { patch: { metadata: { annotations }, spec } as object });
  }

  test.each([
    [{ [minWarm]: "0", [maxWarm]: "0" }],
    [{ [minWarm]: "5", [maxWarm]: "15" }],
    [{ [maxEnis]: "2", [maxAddressesPerEni]: "7" }],
    [{ [maxEnis]: "9999" }],
    [{ "example.com/other": "x" }],
  ])("takes %j", async (annotations) => {
    expect(await refusal(() => set(annotations))).toBeUndefined();
  });

  test.each<[Record<string, string>, string]>([
    [
      { [minWarm]: "5" },
      `${minWarm} counts only together with ${maxWarm}, which is not set: set both or neither`,
    ],
    [
      { [maxWarm]: "5" },
      `${maxWarm} counts only together with ${minWarm}, which is not set: set both or neither`,
    ],
    [
      { [minWarm]: "-1", [maxWarm]: "5" },
      `${minWarm} is "-1": set a whole number from 0 to 9999, or remove it`,
    ],
    [
      { [minWarm]: "1", [maxWarm]: "10000" },
      `${maxWarm} is "10000": set a whole number from 0 to 9999, or remove it`,
    ],
    [{ [minWarm]: "", [maxWarm]: "" }, `${minWarm} is "": set a whole number from 0 to 9999, or remove it`],
    [
      { [minWarm]: "10", [maxWarm]: "9" },
      `${minWarm} is "10", above ${maxWarm} "9": lower the minimum or raise the maximum`,
    ],
    [{ [maxEnis]: "two" }, `${maxEnis} is "two": set a whole number from 0 to 9999, or remove it`],
    [
      { [maxAddressesPerEni]: "0" },
      `${maxAddressesPerEni} is "0": set a whole number from 1 to 9999, or remove it`,
    ],
    [
      { [maxEnis]: "1" },
      `${maxEnis} is "1", but pods hold addresses on 2 ENIs: set at least that, or move pods off the node first`,
    ],
    [
      { [maxAddressesPerEni]: "6" },
      `${maxAddressesPerEni} is "6", but pods hold 7 addresses of one ENI: set at least that, or move pods off the node first`,
    ],
  ])("refuses %j", async (annotations, sentence) => {
    expect(await refusal(() => set(annotations))).toContain(sentence);
  });

  test("has its fields held to the same limits, where no annotation wins over them", async () => {
    expect(await refusal(() => set({}, { maxRouteENI: 1 }))).toContain(
      'spec.maxRouteENI is "1", but pods hold addresses on 2 ENIs: set at least that',
    );
    expect(await refusal(() => set({}, { maxIPPerENI: 6 }))).toContain(
      'spec.maxIPPerENI is "6", but pods hold 7 addresses of one ENI: set at least that',
    );
    expect(await refusal(() => set({}, { maxRouteENI: 2, maxIPPerENI: 7 }))).toBeUndefined();
    expect(await refusal(() => set({ [maxEnis]: "3" }, { maxRouteENI: 1 }))).toBeUndefined();
  });

  test("of a new node is looked at too", async () => {
    const make = (annotations: Record<string, string>) =>
      kube.create(necs, { metadata: { name: "node-2", annotations }, spec: { maxRouteENI: 1 } });
    expect(await refusal(() => make({ [minWarm]: "3", [maxWarm]: "2" }))).toContain(
      `${minWarm} is "3", above`,
    );
    expect(await refusal(() => make({ [minWarm]: "2", [maxWarm]: "3", [maxEnis]: "1" }))).toBeUndefined();
  });

  test("may drop an annotation, but not one of the pair", async () => {
    await set({ [minWarm]: "2", [maxWarm]: "8", [maxEnis]: "3" });
    expect(await refusal(() => set({ [maxWarm]: null }))).toContain(
      `${minWarm} counts only together with ${maxWarm}`,
    );
    expect(await refusal(() => set({ [minWarm]: null, [maxWarm]: null, [maxEnis]: null }))).toBeUndefined();
  });

  test("that pods have outgrown is not in the way of other changes", async () => {
    await set({ [maxEnis]: "2" });
    await kube.mergePatch(necs, NODE, {
      subresource: "status",
      patch: {
        status: {
          eniInfos: ["eni-1", "eni-2", "eni-3"].map((eniID) => ({
            ...{ eniID, mac: "", subnetID: "subnet-a", subnetCIDR: "10.0.16.0/24", primaryIP: "" },
            ...{ addresses: 9, inUse: 1 },
          })),
        },
      },
    });
    expect(await refusal(() => set({ [minWarm]: "2", [maxWarm]: "8" }))).toBeUndefined();
    expect(await refusal(() => set({ [maxEnis]: "1" }))).toContain("pods hold addresses on 3 ENIs");
  });
});

describe("a Node", () => {
  const { maxAddresses, disabled } = NODE_ANNOTATIONS;
  const { subnetIds } = NODE_LABELS;

  function label(value: string | null): Promise<Node> {
    return kube.mergePatch(nodes, NODE, {
      patch: { metadata: { labels: { [subnetIds]: value } } } as object,
    });
  }

  test.each([
    [{ [maxAddresses]: "0" }],
    [{ [maxAddresses]: "110", [disabled]: "yes" }],
    [{ [disabled]: "false" }],
    [{ [maxAddresses]: null, [disabled]: null }],
  ])("takes %j", async (annotations) => {
    expect(await refusal(() => annotateNode(annotations))).toBeUndefined();
  });

  test.each<[Record<string, string>, string]>([
    [{ [maxAddresses]: "all" }, `${maxAddresses} is "all": set a whole number from 0 to 9999, or remove it`],
    [{ [maxAddresses]: "-1" }, `${maxAddresses} is "-1": set a whole number from 0 to 9999, or remove it`],
    [{ [disabled]: "" }, `${disabled} is "": set true, yes, false or no, or remove it`],
    [{ [disabled]: "True" }, `${disabled} is "True": set true, yes, false or no, or remove it`],
  ])("refuses %j", async (annotations, sentence) => {
    expect(await refusal(() => annotateNode(annotations))).toContain(sentence);
  });

  test("takes subnets joined by dots or underscores, and refuses anything else", async () => {
    for (const value of ["subnet-a1", "subnet-a1.subnet-b2_subnet-c3", null]) {
      expect(await refusal(() => label(value))).toBeUndefined();
    }
    for (const value of ["", "subnet-a1.b2", "subnet-a1-subnet-b2", "eni-1"]) {
      expect(await refusal(() => label(value))).toContain(
        `${subnetIds} is "${value}": set subnet ids joined by dots or underscores, such as subnet-a1.subnet-b2, or remove it`,
      );
    }
  });

  test("joins whatever its kubelet registers it with, and is updated as long as these keys stay as they are", async () => {
    const labels = { [subnetIds]: "nonsense" };
    const annotations = { [maxAddresses]: "many", [disabled]: "perhaps" };
    await kube.create(nodes, { metadata: { name: "node-3", labels, annotations }, spec: {} });
    const update = (patch: object) => kube.mergePatch(nodes, "node-3", { patch });
    expect(
      await refusal(() => update({ metadata: { labels: { zone: "a" } }, spec: { unschedulable: true } })),
    ).toBeUndefined();
    expect(
      await refusal(() =>
        kube.mergePatch(nodes, "node-3", {
          subresource: "status",
          patch: { status: { capacity: { pods: "9" } } },
        }),
      ),
    ).toBeUndefined();
    expect(await refusal(() => update({ metadata: { annotations: { [disabled]: "no" } } }))).toBeUndefined();
    await server.kubectl(["label", "node", "node-3", `${subnetIds}-`]);
  });
});

describe("a Pod", () => {
  const { claimDeletePolicy, claimExpiredDuration, nominatedAddress, nominatedSubnets } = POD_ANNOTATIONS;

  beforeEach(() => refusal(deletePod));

  test.each([
    [{}],
    [{ [claimDeletePolicy]: "Never", [claimExpiredDuration]: "1h30m" }],
    [{ [claimDeletePolicy]: "Immediate", [nominatedAddress]: "10.0.16.20" }],
    [{ [nominatedSubnets]: "subnet-a1" }],
    [{ [nominatedSubnets]: " subnet-a1, subnet-b2,subnet-c3 " }],
    [{ "example.com/other": "x" }],
  ])("takes %j", async (annotations) => {
    expect(await refusal(() => makePod(annotations))).toBeUndefined();
  });

  test.each(["5m", "300s", "0.5h", "5m0s", "30m1h", "99999h", "299999ms1ms", "1h1h1h1h"])(
    "may have its address kept for %s, which ipamd can read",
    async (duration) => {
      expect(await refusal(() => makePod({ [claimExpiredDuration]: duration }))).toBeUndefined();
      expect(parseGoDuration(duration)).toBeGreaterThanOrEqual(300_000);
    },
  );

  test.each([
    ...["", "0", "4m59.9s", "-1h", "1d", "5", "5 m", "never", "300000us", "100000h"],
    ...["9999999999999h", "1h".repeat(5), "9".repeat(5000)],
  ])("may not have its address kept for %s", async (duration) => {
    const long = duration.length > 100;
    expect(await refusal(() => makePod({ [claimExpiredDuration]: duration }))).toContain(
      `${long ? "" : `${claimExpiredDuration} is "${duration}"`}: set a duration from 5m to 99999h, such as 1h30m, or remove it`,
    );
  });

  test.each(["Never", "Immediate", "never", "", "Retain"])(
    "may have the policy %j or not",
    async (policy) => {
      const answer = await refusal(() => makePod({ [claimDeletePolicy]: policy }));
      if (policy === "Never" || policy === "Immediate") return expect(answer).toBeUndefined();
      expect(answer).toContain(
        `${claimDeletePolicy} is "${policy}": set Never to keep the address for the next pod of this name, Immediate to give it back with the pod, or remove it`,
      );
    },
  );

  test.each(["", "10.0.16", "10.0.16.256", "10.0.16.20,10.0.16.21", "fd00::1", "10.0.16.0/24", "web-0"])(
    "may not ask for the address %j",
    async (address) => {
      expect(await refusal(() => makePod({ [nominatedAddress]: address }))).toContain(
        `${nominatedAddress} is "${address}": set one IPv4 address of a container subnet, such as 10.0.16.20, or remove it`,
      );
    },
  );

  test.each(["", ",", "subnet-a1:subnet-b2", "subnet-a1,", "subnet-a1,,subnet-b2", "eni-1", "subnet-A"])(
    "may not ask for the subnets %j",
    async (subnets) => {
      expect(await refusal(() => makePod({ [nominatedSubnets]: subnets }))).toContain(
        `${nominatedSubnets} is "${subnets}": set subnet ids separated by commas, such as subnet-a1,subnet-b2, or remove it`,
      );
    },
  );

  test("is looked at again only where a write changes one of these", async () => {
    const update = (patch: object) => kube.mergePatch(pods, POD, { namespace: "default", patch });
    const set = (annotations: object) => update({ metadata: { annotations } });
    await makePod({ [claimDeletePolicy]: "Never" });
    expect(await refusal(() => set({ [claimDeletePolicy]: "Delete" }))).toContain("set Never to keep");
    expect(await refusal(() => set({ [claimDeletePolicy]: null, "example.com/other": "x" }))).toBeUndefined();
    await server.kubectl(["delete", "validatingadmissionpolicybinding", "tke-eni-pods"]);
    await eventually(
      "nothing is refused",
      async () => (await refusal(() => set({ [nominatedAddress]: "none" }))) === undefined,
      { withinMs: 30_000 },
    );
    await server.kubectl(["apply", "-f", join(root, "k8s/base/admission/pods.yaml")]);
    let seconds = 0;
    await eventually(
      "the policy is in force again",
      async () => (await refusal(() => set({ [claimExpiredDuration]: `${++seconds}s` }))) !== undefined,
      { withinMs: 30_000 },
    );
    expect(await refusal(() => set({ "example.com/other": "y" }))).toBeUndefined();
    expect(await refusal(() => set({ [nominatedAddress]: "10.0.16.20" }))).toBeUndefined();
  });
});

describe("a key that nobody reads", () => {
  const { minWarm, maxWarm, maxEnis } = NEC_ANNOTATIONS;
  const { maxAddresses, disabled } = NODE_ANNOTATIONS;
  const { subnetIds } = NODE_LABELS;
  const OF_NEC = "an annotation of a NodeENIConfig";
  const OF_NODE = "an annotation of a Node";
  const unread = (as: string, key: string, kind: string) =>
    `nobody reads the ${as} ${key} of a ${kind}, it does nothing`;

  /** The warnings of setting these on an object that is without them, and of taking them off again. */
  async function warned(
    path: string,
    metadata: { annotations?: object; labels?: object },
  ): Promise<string[]> {
    const nothing = (keys: object = {}) => Object.fromEntries(Object.keys(keys).map((key) => [key, null]));
    const set = await warningsOf("PATCH", path, { metadata });
    const { annotations, labels } = metadata;
    const unset = await warningsOf("PATCH", path, {
      metadata: { annotations: nothing(annotations), labels: nothing(labels) },
    });
    expect(unset).toEqual([]);
    return set;
  }

  beforeEach(async () => {
    await refusal(() => kube.delete(necs, NODE));
    await kube.create(necs, { metadata: { name: NODE }, spec: {} });
  });

  const ofNec = (annotations: object) => warned(necPath(NODE), { annotations });
  const ofNode = (metadata: object) => warned(`/api/v1/nodes/${NODE}`, metadata);

  test.each<[string, string]>([
    ["tke.cloud.tencent.com/route-eni-max-attch", `${maxEnis}, ${OF_NEC}`],
    ["tke.cloud.tencent.com/max-attach", `${maxEnis}, ${OF_NEC}`],
    ["tke.cloud.tencent.com/route-eni-min-warm-target", `${minWarm}, ${OF_NEC}`],
    ["tke.cloud.tencent.com/max_warm_target", `${maxWarm}, ${OF_NEC}`],
    ["networking.tke.cloud.tencent.com/route-eni-max-attach", `${maxEnis}, ${OF_NEC}`],
    ["route-eni-max-attach", `${maxEnis}, ${OF_NEC}`],
    ["tke.cloud.tencent/route-eni-max-attach", `${maxEnis}, ${OF_NEC}`],
    [maxAddresses, `${maxAddresses}, ${OF_NODE}`],
    [disabled, `${disabled}, ${OF_NODE}`],
  ])("of a NodeENIConfig is warned of: %s", async (key, nearest) => {
    expect(await ofNec({ [key]: "2" })).toEqual([
      `${unread("annotation", key, "NodeENIConfig")}: nearest is ${nearest}`,
    ]);
  });

  test.each<[object, string, string]>([
    [
      { annotations: { "tke.cloud.tencent.com/desired-route-eni-pods": "9" } },
      unread("annotation", "tke.cloud.tencent.com/desired-route-eni-pods", "Node"),
      `${maxAddresses}, ${OF_NODE}`,
    ],
    [{ annotations: { [maxEnis]: "2" } }, unread("annotation", maxEnis, "Node"), `${maxEnis}, ${OF_NEC}`],
    [
      { annotations: { [subnetIds]: "subnet-a" } },
      unread("annotation", subnetIds, "Node"),
      `${subnetIds}, a label of a Node`,
    ],
    [
      { labels: { "tke.cloud.tencent.com/route-eni-subnet-id": "subnet-a" } },
      unread("label", "tke.cloud.tencent.com/route-eni-subnet-id", "Node"),
      `${subnetIds}, a label of a Node`,
    ],
    [{ labels: { [disabled]: "true" } }, unread("label", disabled, "Node"), `${disabled}, ${OF_NODE}`],
  ])("of a Node is warned of: %j", async (metadata, sentence, nearest) => {
    expect(await ofNode(metadata)).toEqual([`${sentence}: nearest is ${nearest}`]);
  });

  test("is told with all others of the write in one warning, and only by the write that sets it", async () => {
    const keys = ["tke.cloud.tencent.com/route-eni-warm-target", "tke.cloud.tencent.com/zzz"];
    const annotations = Object.fromEntries(keys.map((key) => [key, "2"]));
    const made = await warningsOf("POST", necPath(), { ...NEC, metadata: { name: "node-2b", annotations } });
    expect(made).toHaveLength(1);
    for (const key of keys) expect(made[0]).toContain(unread("annotation", key, "NodeENIConfig"));
    expect(made[0]).toContain(`nearest is ${minWarm}, ${OF_NEC}, or ${maxWarm}, ${OF_NEC}`);
    const patch = { metadata: { annotations: { "example.com/other": "x" } } };
    expect(await warningsOf("PATCH", necPath("node-2b"), patch)).toEqual([]);
    await kube.delete(necs, "node-2b");
  });

  test("is not one of ours, nor of another program", async () => {
    const all = Object.fromEntries(Object.values(NEC_ANNOTATIONS).map((key) => [key, "2"]));
    expect(await ofNec({ ...all, "example.com/x": "y" })).toEqual([]);
    const values = { maxAddresses: "9", disabled: "no" } satisfies Record<
      keyof typeof NODE_ANNOTATIONS,
      string
    >;
    const annotations = {
      ...Object.fromEntries(
        Object.entries(NODE_ANNOTATIONS).map(([name, key]) => [key, values[name as keyof typeof values]]),
      ),
      "tke.cloud.tencent.com/networks-status": "[]",
    };
    const labels = { [subnetIds]: "subnet-a", "tke.cloud.tencent.com/nodepool-id": "np-1", zone: "a" };
    expect(await ofNode({ annotations, labels })).toEqual([]);
  });

  test("is warned of in all of a write's keys, however many", async () => {
    const many = Array.from({ length: 60 }, (_, i) => [
      `tke.cloud.tencent.com/route-eni-max-warm-target-of-nothing-${i}`,
      "x",
    ]);
    expect(await ofNec(Object.fromEntries(many))).toHaveLength(1);
  });
});

describe("a NodeENIConfig that is deleted", () => {
  const { minWarm, maxWarm } = NEC_ANNOTATIONS;
  const annotations = { [minWarm]: "1", [maxWarm]: "2", "example.com/other": "x" };
  const make = (metadata: object, spec: object = {}) =>
    warningsOf("POST", necPath(), { ...NEC, metadata: { name: "leaving", ...metadata }, spec });

  test("tells which annotations and fields of it are lost", async () => {
    await make({ annotations }, { maxRouteENI: 2, securityGroups: ["sg-1"] });
    expect(await warningsOf("DELETE", necPath("leaving"))).toEqual([
      `NodeENIConfig leaving comes back without its annotations ${minWarm}, ${maxWarm}: set them again if they are still wanted`,
      "NodeENIConfig leaving comes back without its fields spec.securityGroups, spec.maxRouteENI: set them again if they are still wanted",
    ]);
  });

  test("says nothing where nobody has set anything", async () => {
    await make({ annotations: { "example.com/other": "x" } });
    expect(await warningsOf("DELETE", necPath("leaving"))).toEqual([]);
  });

  test("says nothing to ipamd, which deletes it for good", async () => {
    await make({ annotations });
    const ipamd = await connect(await server.kubeconfigOfServiceAccount("kube-system", "tke-eni-ipamd"));
    expect(await warningsOf("DELETE", necPath("leaving"), undefined, ipamd)).toEqual([]);
  });
});

describe("the ConfigMap of the cluster", () => {
  const good = { TKE_ENI_IPAMD_VPC_ID: "vpc-a1", TKE_ENI_IPAMD_SUBNET_ID: "subnet-a1:subnet-b2" };

  beforeEach(() => refusal(() => kube.delete(configMaps, CONFIG_MAP, { namespace })));

  function set(data: Record<string, string | null>) {
    return kube.mergePatch(configMaps, CONFIG_MAP, { namespace, patch: { data } as object });
  }

  test("takes ids, and other subnets later", async () => {
    expect(await refusal(() => makeConfigMap({ CLUSTER_ID: "c", ...good }))).toBeUndefined();
    expect(await refusal(() => set({ TKE_ENI_IPAMD_SUBNET_ID: "subnet-b2" }))).toBeUndefined();
    expect(await refusal(() => set({ CLUSTER_ID: null }))).toBeUndefined();
  });

  test("may be without them, or without anything", async () => {
    expect(await refusal(() => makeConfigMap({ CLUSTER_ID: "c" }))).toBeUndefined();
    await kube.delete(configMaps, CONFIG_MAP, { namespace });
    await server.kubectl(["create", "configmap", CONFIG_MAP, `--namespace=${namespace}`]);
    expect(await refusal(() => set(good))).toBeUndefined();
  });

  test.each<[Record<string, string | null>, string]>([
    [
      { TKE_ENI_IPAMD_SUBNET_ID: "subnet-a1,subnet-b2" },
      'TKE_ENI_IPAMD_SUBNET_ID is "subnet-a1,subnet-b2": set subnet ids joined by colons, such as subnet-a1:subnet-b2',
    ],
    [{ TKE_ENI_IPAMD_SUBNET_ID: "" }, 'TKE_ENI_IPAMD_SUBNET_ID is "": set subnet ids joined by colons'],
    [
      { TKE_ENI_IPAMD_SUBNET_ID: null },
      "TKE_ENI_IPAMD_SUBNET_ID is in use and cannot be removed: to remove a subnet, leave its id out",
    ],
    [
      { TKE_ENI_IPAMD_VPC_ID: "VPC_ID" },
      'TKE_ENI_IPAMD_VPC_ID is "VPC_ID": set the id of a VPC, such as vpc-0a1b2c3d',
    ],
    [
      { TKE_ENI_IPAMD_VPC_ID: "vpc-b2" },
      'TKE_ENI_IPAMD_VPC_ID is "vpc-b2", and nodes and pods are in vpc-a1: if that was wrong, delete the ConfigMap, make it anew and restart ipamd',
    ],
  ])("refuses %j", async (data, sentence) => {
    await makeConfigMap(good);
    expect(await refusal(() => set(data))).toContain(sentence);
  });

  test("is that of its name in its namespace only", async () => {
    const data = { TKE_ENI_IPAMD_VPC_ID: "none" };
    await kube.create(configMaps, { metadata: { name: "another", namespace }, data });
    await kube.create(configMaps, { metadata: { name: CONFIG_MAP, namespace: "default" }, data });
  });
});

describe("rights", () => {
  /** What a component asks for, on the whole cluster unless it says otherwise. */
  function mayDo(component: "ipamd" | "agent" | "ip-scheduler", ...what: string[]): Promise<boolean> {
    const as = `--as=system:serviceaccount:kube-system:tke-eni-${component}`;
    return server.kubectl(["auth", "can-i", as, ...what]).then(
      () => true,
      () => false,
    );
  }

  test.each<["ipamd" | "agent" | "ip-scheduler", string[]]>([
    ["ipamd", ["patch", "nodes"]],
    ["ipamd", ["patch", "nodes", "--subresource=status"]],
    ["ipamd", ["watch", "pods", "--all-namespaces"]],
    ["ipamd", ["create", "events"]],
    ["ipamd", ["patch", "events"]],
    ["agent", ["get", "pods", "--all-namespaces"]],
    ["agent", ["create", "events"]],
    ["agent", ["patch", "events"]],
    ["ip-scheduler", ["watch", "pods", "--all-namespaces"]],
    ["ip-scheduler", ["create", "pods", "--subresource=binding", "--all-namespaces"]],
    ["ip-scheduler", ["patch", "pods", "--subresource=status", "--all-namespaces"]],
    ["ip-scheduler", ["create", "vpcipclaims", "--all-namespaces"]],
    ["ip-scheduler", ["delete", "vpcipclaims", "--all-namespaces"]],
    ["ip-scheduler", ["patch", "leases/tke-eni-ip-scheduler", "--namespace=kube-system"]],
  ])("%s may %j", async (component, what) => {
    expect(await mayDo(component, ...what)).toBe(true);
  });

  test.each<["ipamd" | "agent" | "ip-scheduler", string[]]>([
    ["ipamd", ["delete", "pods", "--all-namespaces"]],
    ["ipamd", ["get", "secrets", "--namespace=kube-system"]],
    ["ipamd", ["patch", "configmaps/tke-eni-ipamd", "--namespace=kube-system"]],
    ["agent", ["patch", "nodes"]],
    ["agent", ["get", "configmaps", "--namespace=kube-system"]],
    ["ip-scheduler", ["patch", "pods", "--all-namespaces"]],
    ["ip-scheduler", ["patch", "vpcips"]],
    ["ip-scheduler", ["delete", "vpcips"]],
    ["ip-scheduler", ["patch", "vpcipclaims", "--subresource=status", "--all-namespaces"]],
    ["ip-scheduler", ["patch", "leases/tke-eni-ipamd", "--namespace=kube-system"]],
    ["ip-scheduler", ["get", "secrets", "--namespace=kube-system"]],
  ])("%s may not %j", async (component, what) => {
    expect(await mayDo(component, ...what)).toBe(false);
  });

  test("ipamd follows its own ConfigMap and sees no other", async () => {
    const kubeconfig = await server.kubeconfigOfServiceAccount("kube-system", "tke-eni-ipamd");
    const client = createKubeClient(await connect(kubeconfig));
    const list = (fieldSelector?: string) =>
      refusal(() => client.list(configMaps, { namespace, ...(fieldSelector && { fieldSelector }) }));
    expect(await list(`metadata.name=${CONFIG_MAP}`)).toBeUndefined();
    expect(await list("metadata.name=extension-apiserver-authentication")).toContain("cannot list");
    expect(await list()).toContain("cannot list");
  });
});
