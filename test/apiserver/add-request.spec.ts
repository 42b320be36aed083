// Pods that are to have an address come to ask for it, on a real API server: by the policy of k8s/components/add-request, and by the webhook of
// k8s/components/add-request-webhook, which ipamd serves. Both are held to one table.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import { type RunningWebhook, startWebhook } from "../../src/ipamd/webhook/start-webhook.ts";
import {
  ADD_REQUEST_CASES,
  type AddRequestCase,
  type Resources,
} from "../../src/ipamd/webhook/testing/add-request-cases.ts";
import { createKubeClient } from "../../src/kube/kube-client.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { createRecordingLogger } from "../../src/kube/testing/recording-logger.ts";
import { createTransport } from "../../src/kube/transport.ts";
import { systemWaitingClock } from "../../src/time/waiting-clock.ts";
import { type ApiServer, startApiServer } from "./start-api-server.ts";

const components = join(import.meta.dir, "../../k8s/components");
const POLICY = join(components, "add-request/policy.yaml");
const WEBHOOK = join(components, "add-request-webhook");
const SERVICE = "tke-eni-ipamd-webhook";

let server: ApiServer;

// Long enough to build Kubernetes where the cache is empty.
beforeAll(async () => {
  server = await startApiServer();
  await server.kubectl(["create", "namespace", "shop"]);
  await server.kubectl(["create", "namespace", "apart"]);
  await server.kubectl(["label", "namespace", "apart", "not-add-pod-eni-ip-limit=true"]);
  for (const [namespace, name] of [
    ["shop", "default"],
    ["apart", "default"],
    ["kube-system", "tke-eni-ipamd"],
  ] as const) {
    // No controller makes it here.
    await server.kubectl(["create", "serviceaccount", name, "-n", namespace]);
  }
}, 900_000);

afterAll(() => server?.stop());

/** What the containers of a pod ask for once the API server has taken it, init containers behind the others. */
async function admitted(
  { annotations = {}, spec }: Pick<AddRequestCase, "annotations" | "spec">,
  namespace = "shop",
): Promise<readonly Resources[]> {
  const withImages = (all: AddRequestCase["spec"]["containers"]) =>
    all.map((it) => ({ image: "busybox", ...it }));
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-0", namespace, annotations },
    spec: {
      ...spec,
      containers: withImages(spec.containers),
      ...(spec.initContainers && { initContainers: withImages(spec.initContainers) }),
    },
  };
  const answer = await server.kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], {
    input: JSON.stringify(pod),
  });
  const taken: AddRequestCase["spec"] = JSON.parse(answer).spec;
  return [...taken.containers, ...(taken.initContainers ?? [])].map(({ resources }) => resources ?? {});
}

const plain = { spec: { containers: [{ name: "main" }] } };

/** Waits until pods come to ask, or do no more. */
function untilPodsAsk(ask: boolean): Promise<void> {
  return eventually(
    ask ? "pods come to ask" : "pods ask no more",
    async () => {
      // Refused while the webhook's certificate is not known yet.
      const [resources] = await admitted(plain).catch(() => []);
      return resources !== undefined && (resources.limits?.[ENI_IP_RESOURCE] === "1") === ask;
    },
    { withinMs: 30_000 },
  );
}

function followsTheTable(): void {
  test.each(ADD_REQUEST_CASES.map((it) => [it.what, it] as const))("%s", async (_, { resources, ...pod }) => {
    expect(await admitted(pod)).toEqual(resources);
  });

  test("a pod of a namespace that opts out asks for nothing", async () => {
    expect(await admitted(plain, "apart")).toEqual([{}]);
  });
}

describe("the policy", () => {
  beforeAll(async () => {
    await server.kubectl(["apply", "-f", POLICY]);
    await untilPodsAsk(true);
  }, 60_000);

  afterAll(async () => {
    await server.kubectl(["delete", "-f", POLICY]);
    await untilPodsAsk(false);
  }, 60_000);

  followsTheTable();
});

describe("the webhook", () => {
  let webhook: RunningWebhook;

  beforeAll(async () => {
    await server.kubectl(["apply", "-f", join(WEBHOOK, "access.yaml")]);
    // With the rights of ipamd, and no others.
    const kubeconfig = await server.kubeconfigOfServiceAccount("kube-system", "tke-eni-ipamd");
    const kube = createKubeClient(createTransport(await openServerAccess({ kubeconfig })));
    const world = { kube, clock: systemWaitingClock, logger: createRecordingLogger() };
    webhook = startWebhook(world, { listen: { hostname: "127.0.0.1", port: 0 }, namespace: "kube-system" });
    await eventually("the webhook is served", () => webhook.port() !== undefined, { withinMs: 30_000 });
    // Without kube-proxy nothing leads from a Service's address to ipamd: the API server takes the name of this machine in its place.
    const [service, configuration] = await Promise.all(
      ["service.yaml", "webhook.yaml"].map((file) => readFile(join(WEBHOOK, file), "utf8")),
    );
    expect(service).toContain(`name: ${SERVICE}\n`);
    await server.kubectl([
      "-n",
      "kube-system",
      "create",
      "service",
      "externalname",
      SERVICE,
      "--external-name=localhost",
    ]);
    await server.kubectl(["apply", "-f", "-"], {
      input: configuration?.replace("port: 443", `port: ${webhook.port()}`) ?? "",
    });
    await untilPodsAsk(true);
  }, 60_000);

  afterAll(() => webhook?.stop());

  followsTheTable();

  test("that nobody serves keeps no pod of the host's network from being made, ipamd's own for one, nor one of a namespace that opts out", async () => {
    await webhook.stop();
    expect(await admitted({ spec: { hostNetwork: true, ...plain.spec } })).toEqual([{}]);
    expect(await admitted(plain, "apart")).toEqual([{}]);
    expect(admitted(plain)).rejects.toThrow("add-pod-eni-ip-limit-webhook.tke.cloud.tencent.com");
  });
});
