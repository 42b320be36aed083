// What the model API server of the simulation (src/sim/kube) is held to: the real one answers the same requests so. With
// RECORD=yes its answers are written down anew.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { customResourceDefinition } from "../../src/api/custom-resource-definition.ts";
import { CUSTOM_RESOURCES } from "../../src/api/custom-resources.ts";
import { customResourceDefinitions } from "../../src/kube/core-resources.ts";
import { createKubeClient } from "../../src/kube/kube-client.ts";
import { LineSplitter } from "../../src/kube/reflector/line-splitter.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { createTransport, type KubeTransport } from "../../src/kube/transport.ts";
import type { ContractServer } from "../../src/sim/kube/contract/contract-api.ts";
import { modelContractServer } from "../../src/sim/kube/contract/model-contract-server.ts";
import { runScenario, SCENARIO_NAMES } from "../../src/sim/kube/contract/run-scenario.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import { type ApiServer, startApiServer } from "./start-api-server.ts";

const ANSWERS = join(import.meta.dir, "..", "..", "src", "sim", "kube", "contract", "answers.json");
const record = process.env["RECORD"] === "yes";

let server: ApiServer;
let transport: KubeTransport;
const recorded: Record<string, unknown> = {};

beforeAll(async () => {
  server = await startApiServer();
  transport = createTransport(await openServerAccess({ kubeconfig: server.kubeconfig }));
  const client = createKubeClient(transport);
  for (const resource of CUSTOM_RESOURCES) {
    await client.create(customResourceDefinitions, customResourceDefinition(resource));
  }
  for (const resource of CUSTOM_RESOURCES) {
    await eventually(
      `${resource.plural} are served`,
      () =>
        client.list(resource).then(
          () => true,
          () => false,
        ),
      { withinMs: 30_000 },
    );
  }
  await server.kubectl(["create", "serviceaccount", "default", "--namespace", "default"]).catch(() => {});
}, 900_000);

afterAll(async () => {
  if (record) await Bun.write(ANSWERS, `${JSON.stringify(recorded, undefined, 1)}\n`);
  await server?.stop();
});

function realServer(): ContractServer {
  return {
    async call(request) {
      const { bytes } = await transport.call(request, { timeoutMs: 20_000 });
      return JSON.parse(new TextDecoder().decode(bytes)) as JsonObject;
    },
    async watch(request) {
      const over = new AbortController();
      const stream = await transport.stream(request, { signal: over.signal });
      const chunks = stream[Symbol.asyncIterator]();
      const lines = new LineSplitter();
      const waiting: string[] = [];
      return {
        async next() {
          while (waiting.length === 0) {
            const late = Bun.sleep(10_000).then(() => {
              throw new Error("no event comes");
            });
            const { value, done } = await Promise.race([chunks.next(), late]);
            if (done) throw new Error("the watch has ended");
            waiting.push(...lines.push(value));
          }
          return JSON.parse(waiting.shift() ?? "") as JsonObject;
        },
        async end() {
          over.abort();
        },
      };
    },
  };
}

test.each(SCENARIO_NAMES)(
  "%s",
  async (name) => {
    const answers = await runScenario(name, realServer());
    recorded[name] = answers;
    expect(await runScenario(name, modelContractServer())).toEqual(answers as never);
    if (!record)
      expect(((await Bun.file(ANSWERS).json()) as Record<string, unknown>)[name] as never).toEqual(
        answers as never,
      );
  },
  60_000,
);
