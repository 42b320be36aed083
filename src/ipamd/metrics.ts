import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ActionMetrics } from "../cloud/budget/call-budget.ts";
import type { CloudHealth } from "../cloud/budget/health.ts";
import type { CloudAction } from "../cloud/budget/rates.ts";

/** What the leader knows, counted. */
export interface LeaderFigures {
  calls: Readonly<Record<CloudAction, ActionMetrics>>;
  health: CloudHealth["state"];
  /** Nodes by the reason of their NodeENIConfig's condition Ready. */
  nodes: ReadonlyMap<string, number>;
  /** VpcIPs by what the agents say of them. */
  addresses: ReadonlyMap<string, number>;
  /** By subnet. */
  free: ReadonlyMap<string, number>;
  /** How many plans of nodes were made, and the time that it took. */
  plans: { readonly count: number; readonly ms: number };
  /** Findings of the last audit by severity. */
  findings: ReadonlyMap<string, number>;
  /** Where pods have claims: these by state, and the time from when a pod is seen on a node to its address there. */
  claims?: { states: ReadonlyMap<string, number>; latency: BindLatency };
}

/** Times of claims from their pod's binding to their address on its node. */
export class BindLatency {
  /** Registered in no registry: each answer has one of its own. */
  readonly metric = new Histogram({
    // The name that TKE's has.
    name: "ipamd_pod_set_ip_latency_seconds",
    help: "Time from when a pod is seen on a node until its address is there.",
    buckets: [0.25, 0.5, 1, 2, 5, 10, 30, 60, 300],
    registers: [],
  });
  readonly #since = new Map<string, number>();

  /** @param now monotonic, ms */
  waits(key: string, now: number): void {
    if (!this.#since.has(key)) this.#since.set(key, now);
  }

  bound(key: string, now: number): void {
    const since = this.#since.get(key);
    if (since === undefined) return;
    this.#since.delete(key);
    this.metric.observe((now - since) / 1000);
  }

  /** It is wanted nowhere any more. */
  over(key: string): void {
    this.#since.delete(key);
  }
}

/**
 * The metrics of this process in the text format of Prometheus, made when they are asked for.
 *
 * @param figures undefined while another process leads
 */
export async function renderMetrics(figures: LeaderFigures | undefined): Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, label?: string) =>
    new Gauge({
      name: `tke_eni_ipamd_${name}`,
      help,
      labelNames: label === undefined ? [] : [label],
      registers,
    });
  gauge("leader", "Whether this process leads.").set(figures === undefined ? 0 : 1);
  if (figures !== undefined) {
    const calls = new Counter({
      name: "tke_eni_ipamd_cloud_calls_total",
      help: "Calls to the cloud by what became of them; `done`, or the class of the error.",
      labelNames: ["action", "outcome"],
      registers,
    });
    const waiting = gauge("cloud_calls_waiting", "Nodes that wait for their turn with an action.", "action");
    for (const [action, { calls: all, errors, waiting: now }] of Object.entries(figures.calls)) {
      const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
      calls.inc({ action, outcome: "done" }, all - failed);
      for (const [outcome, count] of Object.entries(errors)) calls.inc({ action, outcome }, count);
      waiting.set({ action }, now);
    }
    const counter = (name: string, help: string) =>
      new Counter({ name: `tke_eni_ipamd_${name}`, help, registers });
    counter("plans_total", "Plans of nodes that were made.").inc(figures.plans.count);
    counter("plan_seconds_total", "Time that it took to make them.").inc(figures.plans.ms / 1000);
    gauge("cloud_health", "1 for how the way to the cloud is.", "state").set({ state: figures.health }, 1);
    count(
      gauge("nodes", "Nodes by why pods get addresses there, or do not.", "reason"),
      "reason",
      figures.nodes,
    );
    count(gauge("addresses", "Addresses by their use.", "use"), "use", figures.addresses);
    count(gauge("subnet_free_addresses", "Addresses left as last read.", "subnet"), "subnet", figures.free);
    count(
      gauge("audit_findings", "Differences that the last audit found.", "severity"),
      "severity",
      figures.findings,
    );
    if (figures.claims !== undefined) {
      count(gauge("claims", "VpcIPClaims by their state.", "state"), "state", figures.claims.states);
      registry.registerMetric(figures.claims.latency.metric);
    }
  }
  return registry.metrics();
}

function count(gauge: Gauge<string>, label: string, counts: ReadonlyMap<string, number>): void {
  for (const [value, n] of counts) gauge.set({ [label]: value }, n);
}
