import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { silentProgress } from "../../tools/build/progress.ts";
import { buildImage } from "../../tools/images/build-image.ts";
import { clusterPids } from "./cgroup.ts";
import type { Cluster } from "./cluster.ts";
import { componentKubeconfig } from "./cluster-certificates.ts";
import { down } from "./down.ts";
import { type HostSnapshot, takeHostSnapshot } from "./host-snapshot.ts";
import { busyboxImage } from "./images/base-images.ts";
import { importImage } from "./images/import-image.ts";
import { installStockPlugins } from "./install-stock-plugins.ts";
import { up } from "./up.ts";
import { waitUntil } from "./wait-until.ts";

let before: HostSnapshot;
let cluster: Cluster;

const UP_DEADLINE_MS = 900_000; // Kubernetes may have to be built.
const POD_DEADLINE_MS = 60_000;

/** A network for one node alone: what the product does better is not there yet. */
const NODE_1_NETWORK = {
  cniVersion: "1.0.0",
  name: "throw-away",
  plugins: [
    {
      type: "ptp",
      ipMasq: true,
      ipam: { type: "host-local", ranges: [[{ subnet: "10.88.0.0/24" }]], routes: [{ dst: "0.0.0.0/0" }] },
    },
  ],
};

beforeAll(async () => {
  await down(silentProgress);
  before = await takeHostSnapshot();
  cluster = await up({ nodes: 3, temporary: true }, silentProgress);
  await installStockPlugins(cluster, "node-1", ["loopback", "ptp", "host-local"]);
  await cluster.nodeExec("node-1", ["tee", "/etc/cni/net.d/10-throw-away.conflist"], {
    input: JSON.stringify(NODE_1_NETWORK),
  });
  await cluster.kubectl(["wait", "--for=condition=Ready", "node/node-1", "--timeout=60s"]);
}, UP_DEADLINE_MS);

afterAll(() => down(silentProgress), 60_000);

/** Creates a pod and returns when its container runs. */
async function runPod(
  name: string,
  spec: { node?: string; hostNetwork?: boolean; container: object },
): Promise<void> {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: name } },
    spec: {
      nodeName: spec.node ?? "node-1",
      hostNetwork: spec.hostNetwork ?? false,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: "main", imagePullPolicy: "Never", ...spec.container }],
    },
  };
  await cluster.kubectl(["create", "--filename=-"], { input: JSON.stringify(pod) });
  await cluster.kubectl(["wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s"]);
}

function shell(script: string) {
  return { image: busyboxImage, command: ["sh", "-c", script] };
}

test("the nodes are registered as a cloud's are: zone, address, and provider id but for one", async () => {
  const { items } = JSON.parse(await cluster.kubectl(["get", "nodes", "--output=json"]));
  const seen = items.map((node: NodeObject) => [
    node.metadata.name,
    node.metadata.labels["topology.kubernetes.io/zone"],
    node.status.addresses.find((address) => address.type === "InternalIP")?.address,
    node.spec.providerID,
  ]);
  expect(seen).toEqual([
    ["node-1", "ap-sim-1", "10.0.1.11", "qcloud:///800001/ins-node0001"],
    ["node-2", "ap-sim-1", "10.0.1.12", undefined],
    ["node-3", "ap-sim-2", "10.0.2.13", "qcloud:///800001/ins-node0003"],
  ]);
});

interface NodeObject {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly providerID?: string };
  readonly status: { readonly addresses: readonly { readonly type: string; readonly address: string }[] };
}

/** A pod that runs may not have come to its first word. */
async function untilLogged(pod: string, text: string): Promise<void> {
  let last = "";
  await waitUntil(
    `the log of ${pod}`,
    async () => {
      last = await cluster.kubectl(["logs", pod]);
      return last === text;
    },
    { deadlineMs: 10_000 },
  ).catch(() => expect(last).toBe(text));
}

test(
  "a pod runs, and kubectl exec and logs reach it",
  async () => {
    await runPod("talker", { container: shell("echo hello from $(hostname); sleep 1000000") });
    await untilLogged("talker", "hello from talker\n");
    expect(await cluster.kubectl(["exec", "talker", "--", "ip", "-4", "address", "show", "eth0"])).toContain(
      "10.88.0.",
    );
  },
  POD_DEADLINE_MS,
);

test(
  "a Service answers a pod by its ClusterIP, and so does the API server",
  async () => {
    const serve = "mkdir /www && echo served > /www/index.html && exec httpd -f -p 8080 -h /www";
    await runPod("server", { container: shell(serve) });
    await runPod("client", { container: shell("sleep 1000000") });
    await cluster.kubectl(["expose", "pod", "server", "--port=80", "--target-port=8080"]);
    const address = await cluster.kubectl([
      "get",
      "service",
      "server",
      "--output=jsonpath={.spec.clusterIP}",
    ]);
    expect(address).toStartWith("172.20.");
    const fetchIt = ["exec", "client", "--", "timeout", "2", "wget", "-q", "-O", "-", `http://${address}/`];
    const page = await waitUntil("the Service's answer", () => cluster.kubectl(fetchIt), {
      deadlineMs: 20_000,
    });
    expect(page).toBe("served\n");
    // It ends with success when the connection was there and the other side closed it.
    await cluster.kubectl(["exec", "client", "--", "nc", "-w", "2", "172.20.0.1", "443"]);
  },
  POD_DEADLINE_MS,
);

test("nodes reach each other across zones", async () => {
  await cluster.nodeExec("node-1", ["ping", "-c", "1", "-W", "2", "10.0.2.13"]);
});

test(
  "a node's credentials read the Secrets of its own pods and of no others, and change no other node",
  async () => {
    const asNode1 = [`--kubeconfig=${componentKubeconfig("node-1-kubelet")}`];
    await cluster.kubectl(["create", "secret", "generic", "foreign", "--from-literal=word=x"]);
    await expect(cluster.kubectl([...asNode1, "get", "secret", "foreign"])).rejects.toThrow(
      "no relationship found between node 'node-1' and this object",
    );
    await expect(cluster.kubectl([...asNode1, "label", "node", "node-2", "mine=yes"])).rejects.toThrow(
      "node 'node-1' cannot",
    );
    await cluster.kubectl([...asNode1, "label", "node", "node-1", "mine=yes"]);
    await expect(cluster.kubectl([...asNode1, "get", "secrets"])).rejects.toThrow("Forbidden");
  },
  POD_DEADLINE_MS,
);

test(
  "an image that buildImage() made runs, on the host network also where there is no CNI configuration yet",
  async () => {
    const tar = await buildImage({
      name: "tke-eni.local/speaker:1",
      files: [
        { path: "/bin/busybox", from: "/bin/busybox", mode: 0o755 },
        {
          path: "/bin/speak",
          content: '#!/bin/busybox sh\necho "$WORD"; hostname; sleep 1000000\n',
          mode: 0o755,
        },
        { path: "/bin/hostname", link: "busybox" },
        { path: "/bin/sleep", link: "busybox" },
      ],
      entrypoint: ["/bin/speak"],
      env: { WORD: "built by hand" },
    });
    await importImage(cluster, "node-3", tar);
    await runPod("speaker", {
      node: "node-3",
      hostNetwork: true,
      container: { image: "tke-eni.local/speaker:1" },
    });
    await untilLogged("speaker", "built by hand\nnode-3\n");
  },
  POD_DEADLINE_MS,
);

test(
  "down() leaves nothing of a cluster with pods",
  async () => {
    const { processes } = await takeHostSnapshot();
    for (const part of [
      "kube-apiserver",
      "httpd -f",
      "/bin/busybox sleep",
      "containerd-shim-runc-v2",
      "main.ts --config",
    ]) {
      expect(processes.join("\n")).toContain(part);
    }
    await down(silentProgress);
    expect(await takeHostSnapshot()).toEqual(before);
  },
  POD_DEADLINE_MS,
);

test(
  "up() after one that was killed takes away what that left",
  async () => {
    const killed = Bun.spawn([process.execPath, join(import.meta.dir, "main.ts"), "up"], {
      stderr: "ignore",
    });
    await waitUntil("the killed run's first kubelet", () => clusterPids().some(isKubelet), {
      deadlineMs: 60_000,
    });
    killed.kill("SIGKILL");
    await killed.exited;
    const left = clusterPids();
    cluster = await up({ nodes: 1, temporary: true }, silentProgress);
    expect(left.filter((pid) => clusterPids().includes(pid))).toEqual([]);
    expect(JSON.parse(await cluster.kubectl(["get", "nodes", "--output=json"])).items).toHaveLength(1);
    await expect(up({ nodes: 1 }, silentProgress)).rejects.toThrow("A cluster runs on this machine");
    await down(silentProgress);
    expect(await takeHostSnapshot()).toEqual(before);
  },
  POD_DEADLINE_MS,
);

function isKubelet(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8") === "kubelet\n";
  } catch {
    return false; // It has ended meanwhile.
  }
}
