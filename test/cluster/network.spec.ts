// What others bring to the network of pods, on a real cluster: a NetworkPolicy engine that knows no CNI.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import { ControlClient } from "../../src/sim/control/client.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { buildOurImages } from "../../tools/images/our-images.ts";
import type { Cluster } from "./cluster.ts";
import { deploy } from "./deploy.ts";
import { down } from "./down.ts";
import { ECHO_PORT, echoScript } from "./echo-server.ts";
import { busyboxImage } from "./images/base-images.ts";
import { deployNetworkPolicyEngine, kernelHasNftQueue, queueByIptables } from "./network-policy-engine.ts";
import { up } from "./up.ts";
import { waitUntil } from "./wait-until.ts";
import { controlApi } from "./world.ts";

const UP_DEADLINE_MS = 1_800_000; // Kubernetes and the engine may have to be built.
/** From a policy's change to the engine's judging by it. */
const POLICY_MS = 60_000;

const control = new ControlClient(controlApi);
let cluster: Cluster;
const addresses = new Map<string, string>();

beforeAll(async () => {
  const images = await buildOurImages(silentProgress);
  const vpcSim = [await compileExecutable("vpc-sim", silentProgress)];
  cluster = await up({ nodes: 2, temporary: true, vpcSim }, silentProgress);
  await deploy(cluster, images, { progress: silentProgress });
  await createPods();
  await deployNetworkPolicyEngine(cluster);
  if (!(await kernelHasNftQueue(cluster, "node-1"))) await queueByIptables(cluster);
}, UP_DEADLINE_MS);

afterAll(() => down(silentProgress), 60_000);

/** On each node a server, a pod that is its friend, and one that is a stranger. */
async function createPods(): Promise<void> {
  const names = cluster.nodes.flatMap(({ name }) => {
    const number = name.slice(-1);
    return ["server", "friend", "stranger"].map((role) => ({ name: `${role}-${number}`, role, node: name }));
  });
  const one = { [ENI_IP_RESOURCE]: "1" };
  const input = names
    .map(({ name, role, node }) =>
      JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, labels: { role, name } },
        spec: {
          nodeSelector: { "kubernetes.io/hostname": node },
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: "echo",
              image: busyboxImage,
              imagePullPolicy: "Never",
              command: ["/bin/sh", "-c", echoScript("/www", "$HOSTNAME")],
              resources: { limits: one, requests: one },
            },
          ],
        },
      }),
    )
    .join("\n---\n");
  await cluster.kubectl(["apply", "-f", "-"], { input });
  await cluster.kubectl(["wait", "--for=condition=Ready", "pods", "--all", "--timeout=120s"]);
  for (const { name } of names) {
    addresses.set(name, await cluster.kubectl(["get", "pod", name, "-o", "jsonpath={.status.podIP}"]));
  }
}

const CLIENTS = ["friend-1", "friend-2", "stranger-1", "stranger-2"];
const SERVERS = ["server-1", "server-2"];

/** Which clients reach which servers, as `CLIENT>SERVER`. */
async function reached(): Promise<string[]> {
  const tries = await Promise.all(
    CLIENTS.map(async (client) => {
      const script = SERVERS.map(
        (server) =>
          `timeout 2 wget -q -O - http://${addresses.get(server)}:${ECHO_PORT}/cgi-bin/who >/dev/null 2>&1 && echo "${client}>${server}"`,
      );
      const output = await cluster.kubectl([
        "exec",
        client,
        "--",
        "/bin/sh",
        "-c",
        `${script.join("\n")}\ntrue`,
      ]);
      return output.split("\n").filter(Boolean);
    }),
  );
  return tries.flat().toSorted();
}

const pairs = (clients: readonly string[], servers = SERVERS) =>
  clients.flatMap((client) => servers.map((server) => `${client}>${server}`)).toSorted();

/** Waits until exactly these reach each other, and sees that it stays so. */
async function untilReached(expected: readonly string[]): Promise<void> {
  let last: readonly string[] = [];
  await waitUntil(
    "what policies allow, and nothing else, is reached",
    async () => {
      last = await reached();
      return Bun.deepEquals(last, expected);
    },
    { deadlineMs: POLICY_MS },
  ).catch(() => expect(last).toEqual(expected));
  expect(await reached()).toEqual([...expected]);
}

async function applyPolicy(name: string, spec: object): Promise<void> {
  const policy = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name }, spec };
  await cluster.kubectl(["apply", "-f", "-"], { input: JSON.stringify(policy) });
}

describe("NetworkPolicies by kube-network-policies", () => {
  const everything = pairs(CLIENTS);

  test("without a policy everybody reaches everybody", async () => {
    await untilReached(everything);
  });

  test("ingress: friends are let in and strangers are not, on the same node and from another", async () => {
    await applyPolicy("friends-only", {
      podSelector: { matchLabels: { role: "server" } },
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: { matchLabels: { role: "friend" } } }] }],
    });
    await untilReached(pairs(["friend-1", "friend-2"]));
  }, 120_000);

  test("egress: friends may go to one server and not to the other", async () => {
    await applyPolicy("one-server", {
      podSelector: { matchLabels: { role: "friend" } },
      policyTypes: ["Egress"],
      egress: [{ to: [{ podSelector: { matchLabels: { name: "server-1" } } }] }],
    });
    await untilReached(pairs(["friend-1", "friend-2"], ["server-1"]));
  }, 120_000);

  test("everybody reaches everybody again when the policies are gone, and nothing was dropped as spoofed", async () => {
    await cluster.kubectl(["delete", "networkpolicy", "--all"]);
    await untilReached(everything);
    expect(await control.readDrops()).toMatchObject({ total: 0 });
  }, 120_000);
});
