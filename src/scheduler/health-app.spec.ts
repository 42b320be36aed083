import { expect, test } from "bun:test";
import { healthApp } from "./health-app.ts";
import { VerbFigures } from "./verb-figures.ts";

function app(notReady?: string) {
  const verbs = new VerbFigures();
  verbs.note("filter", "refused", 2);
  verbs.note("filter", "refused", 3);
  return healthApp(() => ({ notReady, waitingPods: 4, wakes: 7, verbs }));
}

test("GET /health is 200 where kube-scheduler is to be answered, and else 503 with why not", async () => {
  expect((await app().request("/health")).status).toBe(200);
  const answer = await app("another one has the Lease").request("/health");
  expect(answer.status).toBe(503);
  expect(await answer.json()).toEqual({ ready: false, why: "another one has the Lease" });
});

test("GET /metrics tells how verbs were answered, and who waits", async () => {
  const text = await (await app().request("/metrics")).text();
  expect(text).toContain("tke_eni_ip_scheduler_ready 1\n");
  expect(text).toContain("tke_eni_ip_scheduler_waiting_pods 4\n");
  expect(text).toContain("tke_eni_ip_scheduler_wakes_total 7\n");
  expect(text).toContain('tke_eni_ip_scheduler_answers_total{verb="filter",outcome="refused"} 2\n');
  expect(text).toContain(
    'tke_eni_ip_scheduler_answer_seconds_total{verb="filter",outcome="refused"} 0.005\n',
  );
  expect(await (await app("no").request("/metrics")).text()).toContain("tke_eni_ip_scheduler_ready 0\n");
});
