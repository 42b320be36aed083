// The webhook's certificate on a real API server: made once for all replicas, followed by another in time, and never in the way of a pod.
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { PAIR_LIFE_MS, type ServingPair } from "../../src/ipamd/webhook/serving-pair.ts";
import { type RunningWebhook, startWebhook } from "../../src/ipamd/webhook/start-webhook.ts";
import { WEBHOOK_CONFIGURATION, WEBHOOK_PATH } from "../../src/ipamd/webhook/webhook-configuration.ts";
import { pairsOf, WEBHOOK_SECRET } from "../../src/ipamd/webhook/webhook-secret.ts";
import { mutatingWebhookConfigurations, secrets } from "../../src/kube/core-resources.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { eventually as soon } from "../../src/kube/testing/eventually.ts";
import { createRecordingLogger, type RecordingLogger } from "../../src/kube/testing/recording-logger.ts";
import { createTransport } from "../../src/kube/transport.ts";
import { systemWaitingClock, type WaitingClock } from "../../src/time/waiting-clock.ts";
import { freePorts } from "../cluster/free-ports.ts";
import { type ApiServer, startApiServer } from "./start-api-server.ts";

setDefaultTimeout(60_000);

const component = join(import.meta.dir, "../../k8s/components/add-request-webhook");
const namespace = "kube-system";
/** Ten seconds between two looks become a tenth. */
const FACTOR = 100;
const MONTH_MS = PAIR_LIFE_MS / 12;

let server: ApiServer;
/** Ours, and ipamd's with its rights alone. */
let admin: KubeClient;
let ipamds: KubeClient;
let logger: RecordingLogger;
/** How far replicas' wall clocks are from this machine's, and how much time they take to have passed beside what has. */
let offsetMs = 0;
let passedMs = 0;
const running = new Set<RunningWebhook>();

beforeAll(async () => {
  server = await startApiServer();
  await server.kubectl(["create", "serviceaccount", "tke-eni-ipamd", "-n", namespace]);
  await server.kubectl(["create", "serviceaccount", "default", "-n", "default"]);
  await server.kubectl(["apply", "-f", join(component, "access.yaml")]);
  const client = async (kubeconfig: string) =>
    createKubeClient(createTransport(await openServerAccess({ kubeconfig })));
  admin = await client(server.kubeconfig);
  ipamds = await client(await server.kubeconfigOfServiceAccount(namespace, "tke-eni-ipamd"));
}, 900_000);

afterAll(async () => {
  await stopAll();
  await server?.stop();
});

beforeEach(async () => {
  await stopAll();
  logger = createRecordingLogger();
  offsetMs = 0;
  await server.kubectl([
    "delete",
    "--ignore-not-found",
    "mutatingwebhookconfiguration",
    WEBHOOK_CONFIGURATION,
  ]);
  await server.kubectl(["delete", "--ignore-not-found", "-n", namespace, "secret", WEBHOOK_SECRET]);
});

function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  return soon(what, condition, { withinMs: 30_000 });
}

async function stopAll(): Promise<void> {
  for (const webhook of running) await webhook.stop();
  running.clear();
}

const clock: WaitingClock = {
  now: () => systemWaitingClock.now() + offsetMs,
  monotonic: () => systemWaitingClock.monotonic() + passedMs,
  sleep: (ms, signal) => systemWaitingClock.sleep(ms / FACTOR, signal),
};

/** Starts a replica; several may listen on one port, and each then gets some of the connections. */
function startReplica(port: number): void {
  const listen = { hostname: "127.0.0.1", port };
  running.add(startWebhook({ kube: ipamds, clock, logger }, { listen, namespace }));
}

/** Applies the configuration, called by an address in place of the Service, which nothing leads to here. */
async function applyConfiguration(url: string): Promise<void> {
  const configuration = parse(await readFile(join(component, "webhook.yaml"), "utf8"));
  configuration.webhooks[0].clientConfig = { url };
  await server.kubectl(["apply", "-f", "-"], { input: JSON.stringify(configuration) });
}

/** Certificates that API servers are told to trust. */
async function trusted(): Promise<string> {
  const configuration = await admin.find(mutatingWebhookConfigurations, WEBHOOK_CONFIGURATION);
  return Buffer.from(configuration?.webhooks?.[0]?.clientConfig.caBundle ?? "", "base64").toString();
}

async function stored(): Promise<readonly ServingPair[]> {
  return pairsOf(await admin.find(secrets, WEBHOOK_SECRET, { namespace }));
}

/** Serial numbers of the certificates that new connections are shown. */
async function shown(port: number): Promise<ReadonlySet<string>> {
  const serials = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      tls: { rejectUnauthorized: false },
      socket: {
        data() {},
        handshake: (it) => resolve((it.getPeerX509Certificate() as X509Certificate).serialNumber),
        connectError: (_, error) => reject(error),
      },
    });
    serials.add(await promise);
    socket.end();
  }
  return serials;
}

const serialOf = (pair: ServingPair | undefined) => new X509Certificate(pair?.certificate ?? "").serialNumber;

/** Whether the API server takes a pod, which it asks the webhook about. */
async function makesPod(): Promise<void> {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-0", namespace: "default" },
    spec: { containers: [{ name: "main", image: "none" }] },
  };
  const answer = await server.kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], {
    input: JSON.stringify(pod),
  });
  expect(answer).toContain("tke.cloud.tencent.com/eni-ip");
}

function untilPodsAreMade(): Promise<void> {
  return eventually("pods are made", () =>
    makesPod().then(
      () => true,
      () => false,
    ),
  );
}

test("replicas that start together make one certificate, and the API server takes it", async () => {
  const [port = 0] = freePorts(1);
  await applyConfiguration(`https://127.0.0.1:${port}${WEBHOOK_PATH}`);
  for (let i = 0; i < 3; i++) startReplica(port);
  await eventually("all are served", () => [...running].every((it) => it.port() !== undefined));
  const pairs = await stored();
  expect(pairs).toHaveLength(1);
  expect(await trusted()).toBe(pairs[0]?.authority ?? "none");
  expect(await shown(port)).toEqual(new Set([serialOf(pairs[0])]));
  await untilPodsAreMade();
  expect(logger.lines.filter(({ level }) => level === "error")).toEqual([]);

  // Applied again, as an update of the manifests is, it keeps what ipamd wrote.
  await applyConfiguration(`https://127.0.0.1:${port}${WEBHOOK_PATH}`);
  expect(await trusted()).toBe(pairs[0]?.authority ?? "none");
});

test("a certificate is followed by another long before its end; the former's authority stays trusted, and pods are made all the while", async () => {
  const [port = 0] = freePorts(1);
  // As it was nine months ago.
  offsetMs = -9 * MONTH_MS;
  await applyConfiguration(`https://127.0.0.1:${port}${WEBHOOK_PATH}`);
  startReplica(port);
  startReplica(port);
  await eventually("both are served", () => [...running].every((it) => it.port() !== undefined));
  await untilPodsAreMade();
  const [former] = await stored();

  offsetMs = 0;
  await eventually("there is another", async () => (await stored()).length === 2);
  const [next, previous] = await stored();
  expect(previous).toEqual(former as ServingPair);
  await eventually(
    "both are trusted",
    async () => (await trusted()) === `${next?.authority}${former?.authority}`,
  );
  startReplica(port);
  await eventually("a third is served", () => [...running].every((it) => it.port() !== undefined));
  // API servers may not have seen yet whom to trust.
  expect(await shown(port)).toEqual(new Set([serialOf(former)]));
  await makesPod();
  passedMs = 60_000;
  await eventually("all show the new one", async () => {
    await makesPod();
    const serials = await shown(port);
    return serials.size === 1 && serials.has(serialOf(next));
  });
  await makesPod();
  expect(await trusted()).toBe(`${next?.authority}${former?.authority}`);
  expect(await stored()).toHaveLength(2);

  // Once the former has ended by itself, nobody trusts its authority any more.
  offsetMs = 4 * MONTH_MS;
  await eventually("the new one alone is trusted", async () => (await trusted()) === next?.authority);
});

test("a Secret that somebody deletes is stored again as it was, and what is trusted by somebody else's hand comes back", async () => {
  const [port = 0] = freePorts(1);
  await applyConfiguration(`https://127.0.0.1:${port}${WEBHOOK_PATH}`);
  startReplica(port);
  startReplica(port);
  await eventually("both are served", () => [...running].every((it) => it.port() !== undefined));
  const before = await stored();
  await admin.delete(secrets, WEBHOOK_SECRET, { namespace });
  await eventually("it is back", async () => (await stored()).length === 1);
  expect(await stored()).toEqual(before);

  const patch = [{ op: "remove", path: "/webhooks/0/clientConfig/caBundle" }];
  await server.kubectl([
    ...["patch", "mutatingwebhookconfiguration", WEBHOOK_CONFIGURATION],
    ...["--type=json", `--patch=${JSON.stringify(patch)}`],
  ]);
  await eventually("it is trusted again", async () => (await trusted()) === before[0]?.authority);
  expect(await shown(port)).toEqual(new Set([serialOf(before[0])]));
});

test("a configuration that calls by another name has a certificate made for that", async () => {
  const [port = 0] = freePorts(1);
  startReplica(port);
  await eventually("it is served, before anybody calls", () =>
    [...running].every((it) => it.port() !== undefined),
  );
  expect(new X509Certificate((await stored())[0]?.certificate ?? "").subjectAltName).toBe(
    "DNS:tke-eni-ipamd-webhook.kube-system.svc",
  );
  await applyConfiguration(`https://localhost:${port}${WEBHOOK_PATH}`);
  await untilPodsAreMade();
  expect(new X509Certificate((await stored())[0]?.certificate ?? "").subjectAltName).toBe("DNS:localhost");
});

test("a configuration of TKE's own is left alone, with a sentence that is said once", async () => {
  const [port = 0] = freePorts(1);
  await applyConfiguration(`https://127.0.0.1:${port}${WEBHOOK_PATH}`);
  await server.kubectl([
    "label",
    "mutatingwebhookconfiguration",
    WEBHOOK_CONFIGURATION,
    "app.kubernetes.io/managed-by-",
  ]);
  startReplica(port);
  await eventually("it says so", () => logger.lines.some(({ message }) => message.includes("is not ours")));
  await systemWaitingClock.sleep(500);
  expect(logger.lines).toHaveLength(1);
  expect(await trusted()).toBe("");
  expect([...running].map((it) => it.port())).toEqual([undefined]);
});

test("ipamd can make its own Secret and no other: a token of another account is one", async () => {
  const token = {
    metadata: {
      name: WEBHOOK_SECRET,
      namespace,
      annotations: { "kubernetes.io/service-account.name": "default" },
    },
    type: "kubernetes.io/service-account-token",
  };
  const other = { metadata: { name: "another", namespace }, type: "Opaque" };
  for (const secret of [token, other]) {
    // A policy is in force a moment after it is applied.
    await soon(`the refusal of ${secret.metadata.name}`, async () => {
      try {
        await ipamds.create(secrets, secret as never);
      } catch (error) {
        return String(error).includes("ipamd makes one Secret");
      }
      await admin.delete(secrets, secret.metadata.name, { namespace });
      return false;
    });
  }
});
