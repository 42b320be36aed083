import { expect, test } from "bun:test";
import type { ActionMetrics } from "../cloud/budget/call-budget.ts";
import { CLOUD_ACTIONS, type CloudAction } from "../cloud/budget/rates.ts";
import { healthApp } from "./health-server.ts";
import { BindLatency } from "./metrics.ts";

test.each([
  [true, 200],
  [false, 503],
])("GET /health while ready is %p answers %p with the age of each view", async (ready, status) => {
  const app = healthApp(
    () => ({ ready, leader: true, watches: { nodes: 12 } }),
    () => undefined,
  );
  const answer = await app.request("/health");
  expect(answer.status).toBe(status);
  expect(await answer.json()).toEqual({ ready, leader: true, watches: { nodes: 12 } });
});

test("GET /metrics tells whether this process leads, and what the leader counts", async () => {
  const health = () => ({ ready: true, leader: true, watches: {} });
  const standby = await healthApp(health, () => undefined).request("/metrics");
  expect(standby.headers.get("content-type")).toStartWith("text/plain");
  expect(await standby.text()).toContain("tke_eni_ipamd_leader 0");

  const none = { calls: 0, throttled: 0, errors: {}, waiting: 0 };
  const calls = Object.fromEntries(CLOUD_ACTIONS.map((action) => [action, none])) as Record<
    CloudAction,
    ActionMetrics
  >;
  calls.AssignPrivateIpAddresses = {
    calls: 5,
    throttled: 1,
    errors: { throttled: 1, unknown: 1 },
    waiting: 2,
  };
  const latency = new BindLatency();
  latency.waits("shop/web-0", 1000);
  latency.waits("shop/web-0", 1500);
  latency.bound("shop/web-0", 1900);
  latency.waits("shop/web-1", 0);
  latency.over("shop/web-1");
  latency.bound("shop/web-1", 9000);
  const leading = healthApp(health, () => ({
    calls,
    health: "throttled",
    nodes: new Map([["Serving", 3]]),
    addresses: new Map([["InUse", 40]]),
    free: new Map([["subnet-1", 7]]),
    plans: { count: 9, ms: 4500 },
    findings: new Map([["quarantined", 1]]),
    claims: { states: new Map([["Kept", 4]]), latency },
  }));
  const text = await (await leading.request("/metrics")).text();
  for (const line of [
    "tke_eni_ipamd_leader 1",
    'tke_eni_ipamd_cloud_calls_total{action="AssignPrivateIpAddresses",outcome="done"} 3',
    'tke_eni_ipamd_cloud_calls_total{action="AssignPrivateIpAddresses",outcome="unknown"} 1',
    'tke_eni_ipamd_cloud_calls_waiting{action="AssignPrivateIpAddresses"} 2',
    'tke_eni_ipamd_cloud_health{state="throttled"} 1',
    'tke_eni_ipamd_nodes{reason="Serving"} 3',
    'tke_eni_ipamd_addresses{use="InUse"} 40',
    'tke_eni_ipamd_subnet_free_addresses{subnet="subnet-1"} 7',
    "tke_eni_ipamd_plans_total 9",
    "tke_eni_ipamd_plan_seconds_total 4.5",
    'tke_eni_ipamd_audit_findings{severity="quarantined"} 1',
    'tke_eni_ipamd_claims{state="Kept"} 4',
    'ipamd_pod_set_ip_latency_seconds_bucket{le="0.5"} 0',
    'ipamd_pod_set_ip_latency_seconds_bucket{le="1"} 1',
    "ipamd_pod_set_ip_latency_seconds_count 1",
    "ipamd_pod_set_ip_latency_seconds_sum 0.9",
  ]) {
    expect(text).toContain(line);
  }
});
