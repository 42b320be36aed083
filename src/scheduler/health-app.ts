import { Hono } from "hono";
import { Counter, Gauge, Registry } from "prom-client";
import type { VerbFigures } from "./verb-figures.ts";

/** What is told of this process. */
export interface ExtenderHealth {
  /** Why nothing may be decided here now; undefined: it may. */
  readonly notReady: string | undefined;
  /** Pods that are refused, and wait to be woken. */
  readonly waitingPods: number;
  /** Pods that were woken. */
  readonly wakes: number;
  readonly verbs: VerbFigures;
}

/** `GET /health`: 200 where kube-scheduler is to be answered, else 503 and why; `GET /metrics` for Prometheus. */
export function healthApp(health: () => ExtenderHealth): Hono {
  const app = new Hono();
  app.get("/health", (context) => {
    const { notReady } = health();
    return notReady === undefined
      ? context.json({ ready: true })
      : context.json({ ready: false, why: notReady }, 503);
  });
  app.get("/metrics", async (context) =>
    context.body(await metricsOf(health()), 200, { "content-type": Registry.PROMETHEUS_CONTENT_TYPE }),
  );
  return app;
}

async function metricsOf({ notReady, waitingPods, wakes, verbs }: ExtenderHealth): Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  const metric = (name: string, help: string) => ({ name: `tke_eni_ip_scheduler_${name}`, help, registers });
  new Gauge(metric("ready", "Whether this process answers kube-scheduler.")).set(
    notReady === undefined ? 1 : 0,
  );
  new Gauge(metric("waiting_pods", "Pods that are refused and wait for an address or for room.")).set(
    waitingPods,
  );
  new Counter(metric("wakes_total", "Pods that were woken since there is room for them.")).inc(wakes);
  const answers = new Counter({
    ...metric("answers_total", "Answers to kube-scheduler."),
    labelNames: ["verb", "outcome"],
  });
  const seconds = new Counter({
    ...metric("answer_seconds_total", "Time that these answers took."),
    labelNames: ["verb", "outcome"],
  });
  for (const { verb, outcome, count, ms } of verbs.list()) {
    answers.inc({ verb, outcome }, count);
    seconds.inc({ verb, outcome }, ms / 1000);
  }
  return registry.metrics();
}
