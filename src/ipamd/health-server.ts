import { Hono } from "hono";
import { Registry } from "prom-client";
import type { CloudHealth } from "../cloud/budget/health.ts";
import { type LeaderFigures, renderMetrics } from "./metrics.ts";

/** What `/health` tells. */
export interface Health {
  /** Serving: every watch has a complete view, and the webhook, where it is to be served, a certificate. */
  ready: boolean;
  leader: boolean;
  /** How the leader's way to the cloud is. */
  cloud?: CloudHealth;
  /** Milliseconds since the API server last vouched for each view; null before it has. */
  watches: Record<string, number | null>;
}

/** `GET /health`: 200 while ready, else 503, as TKE's probes expect on port 61678; and `GET /metrics` for Prometheus. */
export function healthApp(health: () => Health, figures: () => LeaderFigures | undefined): Hono {
  const app = new Hono();
  app.get("/health", (context) => {
    const now = health();
    return context.json(now, now.ready ? 200 : 503);
  });
  app.get("/metrics", async (context) =>
    context.body(await renderMetrics(figures()), 200, { "content-type": Registry.PROMETHEUS_CONTENT_TYPE }),
  );
  return app;
}
