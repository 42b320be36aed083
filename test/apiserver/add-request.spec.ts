// Pods that are to have an address come to ask for it: the policy of k8s/components/add-request on a real API server.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { type ApiServer, startApiServer } from "./start-api-server.ts";

const root = join(import.meta.dir, "../..");
const ENI_IP = "tke.cloud.tencent.com/eni-ip";
const DIRECT_ENI = "tke.cloud.tencent.com/direct-eni";
const NETWORKS = "tke.cloud.tencent.com/networks";

type Resources = { readonly limits?: Record<string, string>; readonly requests?: Record<string, string> };
interface Container {
  readonly name: string;
  readonly image?: string;
  readonly resources?: Resources;
}
interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
}

let server: ApiServer;

// Long enough to build Kubernetes where the cache is empty.
beforeAll(async () => {
  server = await startApiServer();
  await server.kubectl(["create", "namespace", "shop"]);
  await server.kubectl(["create", "namespace", "apart"]);
  await server.kubectl(["label", "namespace", "apart", "not-add-pod-eni-ip-limit=true"]);
  for (const namespace of ["shop", "apart"]) {
    // No controller makes it here.
    await server.kubectl(["create", "serviceaccount", "default", "-n", namespace]);
  }
  await server.kubectl(["apply", "-f", join(root, "k8s/components/add-request/policy.yaml")]);
  await eventually("the policy is in force", async () => (await admitted({}))[0]?.limits?.[ENI_IP] === "1", {
    withinMs: 30_000,
  });
}, 900_000);

afterAll(() => server.stop());

/** What the containers of a pod have, init containers behind the others, once the API server has taken it. */
async function admitted(
  spec: PodSpec,
  { namespace = "shop", annotations = {} }: { namespace?: string; annotations?: Record<string, string> } = {},
): Promise<readonly Resources[]> {
  const containers = spec.containers ?? [{ name: "main" }];
  const withImages = (all: readonly Container[]) => all.map((it) => ({ image: "busybox", ...it }));
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-0", namespace, annotations },
    spec: {
      ...spec,
      containers: withImages(containers),
      ...(spec.initContainers && { initContainers: withImages(spec.initContainers) }),
    },
  };
  const answer = await server.kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], {
    input: JSON.stringify(pod),
  });
  const taken: Required<Pick<PodSpec, "containers">> & PodSpec = JSON.parse(answer).spec;
  return [...taken.containers, ...(taken.initContainers ?? [])].map(({ resources }) => resources ?? {});
}

const asks = (resource: string): Resources => ({
  limits: { [resource]: "1" },
  requests: { [resource]: "1" },
});

test("the first container asks for an address, beside what it asks for already, and no other does", async () => {
  expect(await admitted({})).toEqual([asks(ENI_IP)]);
  const containers = [
    { name: "main", resources: { limits: { cpu: "1" }, requests: { memory: "1Mi" } } },
    { name: "side" },
  ];
  expect(await admitted({ containers })).toEqual([
    {
      limits: { cpu: "1", [ENI_IP]: "1" },
      requests: { cpu: "1", memory: "1Mi", [ENI_IP]: "1" },
    },
    {},
  ]);
});

test.each<[string, PodSpec]>([
  [
    "a container beside it asks",
    { containers: [{ name: "main" }, { name: "side", resources: asks(ENI_IP) }] },
  ],
  ["it asks for a whole ENI", { containers: [{ name: "main", resources: asks(DIRECT_ENI) }] }],
  ["an init container asks", { initContainers: [{ name: "init", resources: asks(ENI_IP) }] }],
])("what a pod asks for itself is left as it is: %s", async (_, spec) => {
  const before = [...(spec.containers ?? [{ name: "main" }]), ...(spec.initContainers ?? [])];
  expect(await admitted(spec)).toEqual(before.map(({ resources }) => resources ?? {}));
});

test("pods of the host's network and of namespaces that opt out ask for nothing", async () => {
  expect(await admitted({ hostNetwork: true })).toEqual([{}]);
  expect(await admitted({}, { namespace: "apart" })).toEqual([{}]);
});

test.each([
  ["tke-route-eni", [asks(ENI_IP)]],
  ["tke-route-eni@eth1,other", [asks(ENI_IP)]],
  ['[{"name":"tke-route-eni","interfaceRequest":"eth1"}]', [asks(ENI_IP)]],
  ["tke-direct-eni", [asks(DIRECT_ENI)]],
  ["tke-bridge", [{}]],
  ["", [{}]],
])("networks %j", async (networks, resources) => {
  expect(await admitted({}, { annotations: { [NETWORKS]: networks } })).toEqual(resources);
});
