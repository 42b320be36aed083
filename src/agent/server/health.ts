import { rmSync } from "node:fs";
import { join } from "node:path";
import { Registry } from "prom-client";
import type { AgentHealth } from "../agent.ts";
import { bindPrivately } from "./socket-file.ts";

const TIMEOUT_MS = 5_000;
const METRICS_PATH = "/metrics";

/** What is told of the agent. */
export interface HealthSource {
  health(): AgentHealth;
  /** In the text format of Prometheus. */
  metrics(): Promise<string>;
}

/**
 * Tells on a unix socket of this instance whether the agent is well, and its metrics. Not on a port: during an update two agents share
 * the node's network, and a probe of the new one must not be answered by the old one; nor should a pod reach anything of the agent.
 */
export async function serveHealth(
  { runFolder, instance }: { runFolder: string; instance: string },
  source: HealthSource,
): Promise<{ stop(): Promise<void> }> {
  const path = socketOf(runFolder, instance);
  rmSync(path, { force: true });
  const server = await bindPrivately(() =>
    Bun.serve({
      unix: path,
      fetch: (request) => {
        if (new URL(request.url).pathname === METRICS_PATH) return metricsOf(source);
        const now = source.health();
        return Response.json(now, { status: now.well ? 200 : 503 });
      },
    }),
  );
  return {
    async stop() {
      await server.stop(true);
      rmSync(path, { force: true });
    },
  };
}

/**
 * Serves the metrics, and nothing else, at an address of the node.
 *
 * @param address host and port, as in `127.0.0.1:61680`
 * @throws when it cannot be bound
 */
export function serveMetrics(
  address: { hostname: string; port: number },
  source: HealthSource,
): { port: number; stop(): Promise<void> } {
  const server = Bun.serve({
    ...address,
    // Predecessor and successor share the node's network for a while.
    reusePort: true,
    fetch: (request) =>
      new URL(request.url).pathname === METRICS_PATH
        ? metricsOf(source)
        : new Response(null, { status: 404 }),
  });
  return { port: server.port ?? 0, stop: () => server.stop(true) };
}

async function metricsOf(source: HealthSource): Promise<Response> {
  return new Response(await source.metrics(), {
    headers: { "content-type": Registry.PROMETHEUS_CONTENT_TYPE },
  });
}

/** Asks the agent of this instance. @returns whether it answers, whether it does its part, and its own words */
export async function probeHealth(options: {
  runFolder: string;
  instance: string;
}): Promise<{ alive: boolean; ready: boolean; text: string }> {
  const unix = socketOf(options.runFolder, options.instance);
  try {
    const response = await fetch("http://localhost/healthz", {
      unix,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { alive: true, ready: response.ok, text: await response.text() };
  } catch (error) {
    return { alive: false, ready: false, text: silence(unix, error as Error & { code?: unknown }) };
  }
}

/** Why nobody answered, for the event of the kubelet's probe: the runtime itself would ask whether there was a typo in the URL. */
function silence(unix: string, { name, code, message }: Error & { code?: unknown }): string {
  if (name === "TimeoutError") return `the agent does not answer on ${unix} within ${TIMEOUT_MS / 1000} s`;
  switch (code) {
    case "ENOENT":
      return `the agent does not serve yet, or has ended: ${unix} is not there`;
    case "ECONNREFUSED":
      return `the agent has ended: nobody listens on ${unix}`;
    default:
      return `the agent cannot be asked on ${unix}: ${message}`;
  }
}

function socketOf(runFolder: string, instance: string): string {
  return join(runFolder, `health-${instance}.sock`);
}
