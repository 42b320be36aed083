import { Hono } from "hono";

/** What `/health` tells. */
export interface Health {
  /** Serving: every watch has a complete view. */
  ready: boolean;
  leader: boolean;
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
