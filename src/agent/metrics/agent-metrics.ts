import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { DRIFT_KINDS, type DriftKind, type DriftOutcome } from "../drift/drift.ts";
import type { EniOnNode } from "../links/node-network.ts";
import type { PoolState } from "../pool/pool-state.ts";
import type { StoreTrust } from "../store/open-store.ts";

/** What is read when the metrics are asked for. */
export interface AgentFigures {
  /** `standby`, `recovering` or `serving`. */
  readonly phase: string;
  /** Undefined before the pool was restored. */
  readonly pool: PoolState | undefined;
  readonly enis: readonly EniOnNode[];
  /** Slots that the kubelet may hand to pods. */
  readonly offered: number;
  /** Drift that is quarantined or could not be repaired, and stands. */
  readonly standing: ReadonlyMap<DriftKind, number>;
}

/** What had become of a sandbox whose address was taken back without a DEL. */
export type CollectedBy = "event" | "list";

/** Who makes a pod's link. */
export type LinkMaker = "agent" | "plugin";

const PREFIX = "tke_eni_agent_";
const OUTCOMES: readonly DriftOutcome[] = ["repaired", "quarantined", "failed"];
const ADDRESS_STATES = ["free", "in-use", "cooling-down", "reclaimable"] as const;
const ENI_STATES = ["Ready", "LinkDown", "NoLink"] as const;

/** What the agent counts, in the text format of Prometheus when it is asked for. */
export class AgentMetrics {
  readonly #registry = new Registry();
  readonly #allocations = this.#counter("allocations_total", "Addresses given to pods.");
  readonly #releases = this.#counter("releases_total", "Addresses that pods gave back.");
  readonly #failures = this.#counter(
    "allocation_failures_total",
    "Callers that went away without an address, by what ipamd said of the node then.",
    ["reason"],
  );
  readonly #drift = this.#counter(
    "drift_total",
    "Differences between memory, kernel and objects, and what became of them.",
    ["kind", "outcome"],
  );
  readonly #collections = this.#counter(
    "collections_total",
    "Addresses taken back because their sandbox had gone without a release, by what told of it.",
    ["by"],
  );
  readonly #links = this.#counter("links_total", "Links of pods, by who had to make them.", ["by"]);
  readonly #waits = this.#histogram(
    "allocation_wait_seconds",
    "How long callers waited for an address.",
    [0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60],
  );
  readonly #looks = this.#histogram(
    "network_look_seconds",
    "Duration of a whole look at the node's links, routes and rules, repairs included.",
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  );
  readonly #trust = this.#gauge("store_trust", "1 for how far the store could be trusted at start.", [
    "trust",
  ]);
  readonly #phase = this.#gauge("phase", "1 for what the agent is doing.", ["phase"]);
  readonly #addresses = this.#gauge("addresses", "Addresses by what they are doing.", ["state"]);
  readonly #waiting = this.#gauge("waiting_callers", "Callers that wait for an address.");
  readonly #offered = this.#gauge("offered_slots", "Slots of eni-ip that the kubelet may hand to pods.");
  readonly #enis = this.#gauge("enis", "ENIs by the state of their link.", ["state"]);
  readonly #standing = this.#gauge(
    "standing_drift",
    "Differences that are quarantined or could not be repaired, and are there now.",
    ["kind"],
  );

  readonly #ipvs = this.#gauge(
    "kube_proxy_ipvs",
    "1 while kube-proxy runs in IPVS mode, which is not supported.",
  );

  constructor() {
    // A counter that begins to exist with its first occurrence shows no increase to Prometheus.
    for (const kind of DRIFT_KINDS) for (const outcome of OUTCOMES) this.#drift.inc({ kind, outcome }, 0);
    for (const by of ["event", "list"]) this.#collections.inc({ by }, 0);
    for (const by of ["agent", "plugin"]) this.#links.inc({ by }, 0);
  }

  /** @param waitedMs how long the caller had waited for its addresses */
  allocated(addresses: number, waitedMs: number): void {
    this.#allocations.inc(addresses);
    this.#waits.observe(waitedMs / 1_000);
  }

  released(): void {
    this.#releases.inc();
  }

  /** A caller went away with nothing. */
  allocationFailed(reason: string): void {
    this.#failures.inc({ reason });
  }

  drifted(kind: DriftKind, outcome: DriftOutcome): void {
    this.#drift.inc({ kind, outcome });
  }

  collected(by: CollectedBy): void {
    this.#collections.inc({ by });
  }

  linkMade(by: LinkMaker): void {
    this.#links.inc({ by });
  }

  looked(ms: number): void {
    this.#looks.observe(ms / 1_000);
  }

  sawIpvs(inUse: boolean): void {
    this.#ipvs.set(inUse ? 1 : 0);
  }

  storeOpened(trust: StoreTrust): void {
    this.#trust.set({ trust }, 1);
  }

  /** The metrics as they are now. */
  render({ phase, pool, enis, offered, standing }: AgentFigures): Promise<string> {
    for (const gauge of [this.#phase, this.#standing]) gauge.reset();
    this.#phase.set({ phase }, 1);
    this.#offered.set(offered);
    this.#waiting.set(pool?.waiters.length ?? 0);
    const holdings = Map.groupBy(pool?.addresses.values() ?? [], ({ holding }) => holding.kind);
    for (const state of ADDRESS_STATES) this.#addresses.set({ state }, holdings.get(state)?.length ?? 0);
    const links = Map.groupBy(enis, ({ state }) => state);
    for (const state of ENI_STATES) this.#enis.set({ state }, links.get(state)?.length ?? 0);
    for (const [kind, count] of standing) this.#standing.set({ kind }, count);
    return this.#registry.metrics();
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: `${PREFIX}${name}`, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name: `${PREFIX}${name}`, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `${PREFIX}${name}`, help, buckets, registers: [this.#registry] });
  }
}
