import { expect, it } from "bun:test";
import { emptyPool } from "../pool/pool-state.ts";
import { AgentMetrics } from "./agent-metrics.ts";

const nothing = { phase: "standby", pool: undefined, enis: [], offered: 0, standing: new Map() };

it("shows every kind of drift from the beginning, at nought", async () => {
  const text = await new AgentMetrics().render(nothing);
  expect(text).toContain('tke_eni_agent_drift_total{kind="pod-route",outcome="repaired"} 0');
  expect(text).toContain('tke_eni_agent_addresses{state="free"} 0');
  expect(text).toContain('tke_eni_agent_phase{phase="standby"} 1');
});

it("shows what was counted, and what is now", async () => {
  const metrics = new AgentMetrics();
  metrics.drifted("pod-route", "repaired");
  metrics.allocated(1, 250);
  metrics.allocationFailed("SUBNET_FULL");
  metrics.collected("event");
  metrics.looked(3);
  metrics.storeOpened("intact");
  const free = { kind: "free", since: 0, restingSince: 0 } as const;
  const pool = {
    ...emptyPool({ coolDownMs: 1 }),
    addresses: new Map([
      ["10.0.16.5", { address: "10.0.16.5", eniId: "eni-1", subnetId: "subnet-1", holding: free }],
    ]),
  };
  const standing = new Map([["two-holders", 1] as const]);
  await metrics.render({ ...nothing, standing });
  const text = await metrics.render({ ...nothing, phase: "serving", pool, offered: 4 });
  for (const line of [
    'drift_total{kind="pod-route",outcome="repaired"} 1',
    "allocations_total 1",
    'allocation_wait_seconds_bucket{le="0.1"} 0',
    'allocation_wait_seconds_bucket{le="0.5"} 1',
    'allocation_failures_total{reason="SUBNET_FULL"} 1',
    'collections_total{by="event"} 1',
    'network_look_seconds_bucket{le="0.005"} 1',
    'store_trust{trust="intact"} 1',
    'phase{phase="serving"} 1',
    'addresses{state="free"} 1',
    "offered_slots 4",
  ]) {
    expect(text).toContain(`tke_eni_agent_${line}\n`);
  }
  expect(text).not.toContain("standby");
  expect(text).not.toContain("standing_drift{");
});
