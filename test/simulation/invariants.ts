import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import type { CallUnderWay, SentCall } from "./cloud-road.ts";
import { Creations } from "./creations.ts";
import { Fencing } from "./fencing.ts";
import { FixedAddresses } from "./fixed-addresses.ts";
import type { Machine, Veth } from "./machine.ts";
import type { FabricEvent } from "./sim-fabric.ts";
import { AGENT_ANSWER_MS, CLOUD_TIMEOUT_MS, LEASE_MS, NODE_GONE_GRACE_MS, type World } from "./world.ts";

/**
 * How long an agent may go on giving an address that was taken away behind our back: a minute until that is proven and told, and before
 * it the time in which a new leader takes over and waits for the former one's last call.
 */
const REPAIR_MS = 60_000 + 50_000;

/** Actions that change the cloud. */
const MUTATING = /^(Create|Attach|Detach|Delete|Assign|Unassign|Migrate|Modify)/;

/** What must be true at every moment of a run. Each is looked at when what could break it changes. */
export class Invariants {
  readonly #world: World;
  readonly #fencing = new Fencing({ leaseMs: LEASE_MS, callMs: CLOUD_TIMEOUT_MS });
  readonly #creations: Creations;
  /** Where pods have addresses of their own. */
  readonly fixed: FixedAddresses | undefined;
  /** By address: where veths with it stand. */
  readonly #holders = new Map<string, { machine: Machine; veth: Veth }[]>();
  /** Since when a Node is not there. */
  readonly #absentSince = new Map<string, number>();
  /** What was taken away in the console, and when. */
  readonly #behindOurBack = new Map<string, number>();
  /** Addresses whose objects were tampered with, and when. */
  readonly #distrusted = new Map<string, number>();
  /** Whether a refusal for a quota is to be expected. */
  quotaWasLowered = false;
  /** When somebody has deleted the lease under its holder. */
  leaseDeletedAt: number | undefined;
  /** Calls that changed the cloud, and writes of objects, since the last look. */
  mutations: string[] = [];
  writes: string[] = [];

  constructor(world: World) {
    this.#world = world;
    const { claims } = world.settings;
    this.fixed = claims && new FixedAddresses(world, claims);
    this.#creations = new Creations({
      enis: () => world.cloud.simulator.state.enis.values(),
      objects: (plural) => world.server.objects(plural),
    });
  }

  /** Something of an ENI or an address is about to be changed in the cloud's console. */
  excuse(id: string): void {
    this.#behindOurBack.set(id, this.#world.clock.monotonic());
  }

  /** The object of an address may say what is not so: until it is seen through, the address may be given and not work. */
  distrust(address: string): void {
    this.#distrusted.set(address, this.#world.clock.monotonic());
  }

  vethChanged(
    machine: Machine,
    { change, containerId }: { change: "made" | "removed"; containerId: string },
  ): void {
    const veth = machine.veths.get(containerId);
    if (veth === undefined) return;
    const others = (this.#holders.get(veth.address) ?? []).filter((held) => held.veth !== veth);
    if (change === "removed") {
      this.#holders.set(veth.address, others);
      return;
    }
    this.#holders.set(veth.address, [...others, { machine, veth }]);
    const former = [...machine.retired.values()].find(({ address }) => address === veth.address);
    if (former !== undefined) {
      this.#world.fail(`${veth.address} was given to ${veth.pod} while the veth of ${former.pod} stood`);
    }
    for (const other of others) {
      // One whose address the cloud has elsewhere by now is cut off: the VPC is the fence.
      const reaches =
        other.machine === machine ||
        (other.machine.isReached(veth.address) && machine.isReached(veth.address));
      if (reaches) {
        this.#world.fail(
          `${veth.address} has two holders: ${other.veth.pod} at ${other.machine.nodeName} and ${veth.pod} at ${machine.nodeName}`,
        );
      }
    }
    const problem = this.fixed?.given(machine, veth);
    if (problem !== undefined) this.#world.fail(problem);
    if (!machine.isReached(veth.address) && !this.#isExcused(veth.address, machine)) {
      this.#world.fail(
        `${machine.nodeName} has given ${veth.address} to ${veth.pod}, and the cloud has it on no ENI of ${machine.instanceId}`,
      );
    }
  }

  machineOff(machine: Machine): void {
    for (const [address, holders] of this.#holders) {
      this.#holders.set(
        address,
        holders.filter((held) => held.machine !== machine),
      );
    }
  }

  fabricEvent({ kind, machine, eniId, addresses }: FabricEvent): void {
    this.#world.trace.note("fabric", `${kind} ${eniId} ${machine.nodeName} ${addresses.join(" ")}`);
    if (kind === "plug" || kind === "assign" || !machine.isOn) return;
    const inTheConsole = this.#behindOurBack.has(eniId);
    for (const address of addresses) {
      if (inTheConsole) this.excuse(address);
      const holder = this.#holders.get(address)?.find((held) => held.machine === machine);
      if (holder === undefined || this.#behindOurBack.has(address)) continue;
      if (this.#isGoneForGood(machine) || this.fixed?.mayLeave(machine, holder.veth)) continue;
      this.#world.fail(
        `${address} was taken off ${eniId} (${kind}) while ${holder.veth.pod} at ${machine.nodeName} holds it`,
      );
    }
  }

  leaseChanged(before: JsonObject | undefined, after: JsonObject | undefined): void {
    this.#fencing.leaseChanged(before, after);
  }

  /** Somebody takes objects away, or brings old ones back. */
  tampered(act: () => void): void {
    this.#creations.excuse();
    act();
    this.#creations.excuse();
  }

  /** A process changes the cloud only while nobody else has the lease, and never again once a successor has. */
  cloudSend(call: SentCall): void {
    const { identity, action } = call;
    if (!MUTATING.test(action)) return;
    this.#creations.sent(call);
    const problem = this.#fencing.sent(call);
    if (problem !== undefined) this.#world.fail(problem);
    const lease = this.#world.server
      .objects("leases")
      .find((it) => textAt(it, "metadata.name") === "tke-eni-ipamd");
    const holder = lease === undefined ? "" : textAt(lease, "spec.holderIdentity");
    // Under a Lease that was deleted its holder goes on until it notices; its successor waits for that.
    const { leaseDeletedAt = Number.NEGATIVE_INFINITY } = this;
    if (this.#world.clock.monotonic() - leaseDeletedAt < LEASE_MS) return;
    if (holder !== "" && holder !== identity) {
      this.#world.fail(`${identity} has sent ${action} while ${holder} holds the lease`);
    }
  }

  /** @returns what is wrong if the call is done as it arrives */
  cloudArrival(call: CallUnderWay): string | undefined {
    if (!MUTATING.test(call.action)) return undefined;
    const now = this.#world.clock.monotonic();
    const unfenced = this.#fencing.takesEffect(call, now);
    return this.#creations.takesEffect(call, now) ?? unfenced ?? this.fixed?.takesEffect(call);
  }

  cloudCall(call: { process: string; action: string; parameters: object; outcome: string }): void {
    const { process, action, parameters, outcome } = call;
    const { trace } = this.#world;
    if (MUTATING.test(action)) {
      this.mutations.push(`${action} ${JSON.stringify(parameters)}: ${outcome}`);
      trace.note(process, `${action} ${JSON.stringify(parameters)}: ${outcome}`);
    } else {
      trace.note(process, `${action}: ${outcome}`);
    }
    const problem = this.fixed?.called(call);
    if (problem !== undefined) this.#world.fail(problem);
    if (outcome === "RequestLimitExceeded")
      this.#world.fail(`${process}: ${action} was called above its rate`);
    const isAboveQuota = outcome.startsWith("LimitExceeded") && !this.quotaWasLowered;
    if (isAboveQuota && !this.#creations.isPlannedInIgnorance(action, parameters)) {
      this.#world.fail(`${process}: ${action} asked for more than the quota: ${JSON.stringify(parameters)}`);
    }
  }

  objectChanged({
    plural,
    before,
    after,
  }: {
    plural: string;
    before: JsonObject | undefined;
    after: JsonObject | undefined;
  }): void {
    const name = textAt(after ?? before ?? {}, "metadata.name");
    if (plural === "nodes") {
      if (after === undefined) this.#absentSince.set(name, this.#world.clock.monotonic());
      else this.#absentSince.delete(name);
    }
    if (plural === "nodes") this.fixed?.nodeChanged(before);
    if (plural === "vpcipclaims") {
      const problem = this.fixed?.claimChanged(before, after);
      if (problem !== undefined) this.#world.fail(problem);
    }
    if (plural === "nodeeniconfigs") {
      const problem = this.#creations.configChanged(before, after);
      if (problem !== undefined) this.#world.fail(problem);
    }
    // The time of reading is written with each reading.
    if (plural !== "vpcsubnets") this.writes.push(`${plural}/${name}`);
  }

  /** The rules by which a node's ENIs may be taken from under its pods. */
  #isGoneForGood(machine: Machine): boolean {
    const current = this.#world.hosts.get(machine.nodeName)?.machine;
    if (current !== undefined && current !== machine) return true;
    const since = this.#absentSince.get(machine.nodeName);
    return (
      since !== undefined && this.#world.clock.monotonic() - since >= NODE_GONE_GRACE_MS + AGENT_ANSWER_MS / 2
    );
  }

  /** Nobody who is cut off, stands still or is told late can repair. */
  #isExcused(address: string, machine: Machine): boolean {
    const at = this.#distrusted.get(address) ?? this.#behindOurBack.get(address);
    const { clock, calmSince = clock.monotonic() } = this.#world;
    if (at !== undefined && clock.monotonic() - Math.max(at, calmSince) < REPAIR_MS) return true;
    return this.#isGoneForGood(machine);
  }
}
