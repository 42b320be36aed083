import { afterEach, beforeEach, expect, it } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentHealth } from "../agent.ts";
import { probeHealth, serveHealth, serveMetrics } from "./health.ts";

let runFolder: string;
beforeEach(() => {
  runFolder = mkdtempSync(join(tmpdir(), "tke-eni-health-"));
});
afterEach(() => rmSync(runFolder, { recursive: true }));

function of(health: AgentHealth) {
  return { health: () => health, metrics: async () => "tke_eni_agent_phase 1\n" };
}

it("an agent that does its part is alive and ready", async () => {
  const health = await serveHealth({ runFolder, instance: "a" }, of({ phase: "serving", well: true }));
  expect(await probeHealth({ runFolder, instance: "a" })).toMatchObject({ alive: true, ready: true });
  await health.stop();
  expect(readdirSync(runFolder)).toEqual([]);
});

it("an agent whose node has a problem is not ready, but alive: a restart would cure nothing", async () => {
  const problem = "the node has no default route";
  const health = await serveHealth(
    { runFolder, instance: "a" },
    of({ phase: "serving", well: false, problem }),
  );
  const answer = await probeHealth({ runFolder, instance: "a" });
  expect(answer).toMatchObject({ alive: true, ready: false });
  expect(answer.text).toContain(problem);
  await health.stop();
});

it("nobody answers for another instance", async () => {
  const health = await serveHealth({ runFolder, instance: "a" }, of({ phase: "serving", well: true }));
  const answer = await probeHealth({ runFolder, instance: "b" });
  expect(answer).toMatchObject({ alive: false, ready: false });
  expect(answer.text).toBe(
    `the agent does not serve yet, or has ended: ${runFolder}/health-b.sock is not there`,
  );
  await health.stop();
});

it("an agent that was killed has left its socket: nobody listens", async () => {
  writeFileSync(join(runFolder, "health-a.sock"), "");
  const answer = await probeHealth({ runFolder, instance: "a" });
  expect(answer).toMatchObject({ alive: false, ready: false });
  expect(answer.text).toBe(`the agent has ended: nobody listens on ${runFolder}/health-a.sock`);
});

it("the metrics are on the same socket, and on a port only if asked for", async () => {
  const source = of({ phase: "serving", well: true });
  const health = await serveHealth({ runFolder, instance: "a" }, source);
  const response = await fetch("http://localhost/metrics", { unix: join(runFolder, "health-a.sock") });
  expect(await response.text()).toContain("tke_eni_agent_phase 1");
  expect(response.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
  const metrics = serveMetrics({ hostname: "127.0.0.1", port: 0 }, source);
  const base = `http://127.0.0.1:${metrics.port}`;
  expect(await (await fetch(`${base}/metrics`)).text()).toContain("tke_eni_agent_phase 1");
  expect((await fetch(`${base}/healthz`)).status).toBe(404);
  await metrics.stop();
  await health.stop();
});
