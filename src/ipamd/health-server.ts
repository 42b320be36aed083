import { Hono } from "hono";
import type { CloudHealth } from "../cloud/budget/health.ts";

/** What `/health` tells. */
export interface Health {
  /** Serving: every watch has a complete view. */
  ready: boolean;
  leader: boolean;
  /** How the leader's way to the cloud is. */
  cloud?: CloudHealth;
  /** Milliseconds since the API server last vouched for each view; null before it has. */
  watches: Record<string, number | null>;
}

/** `GET /health`: 200 while ready, else 503, as TKE's probes expect on port 61678. */
export function healthApp(health: () => Health): Hono {
  const app = new Hono();
  app.get("/health", (context) => {
    const now = health();
    return context.json(now, now.ready ? 200 : 503);
  });
  return app;
}
