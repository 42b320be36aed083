import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import type { CallUnderWay } from "./cloud-road.ts";
import type { Machine, Veth } from "./machine.ts";
import { hasTaint, OUT_OF_SERVICE, unreachableSince } from "./node-controller.ts";
import type { World } from "./world.ts";

/** A node that was out of reach counts as such for so long after it has come back: what was decided then may be done late. */
const DECIDED_MS = 10 * 60_000;

/** Readings that lag by seconds let a move be tried again. */
const MOST_IN_VAIN = 10;

/** Clocks of objects are of whole seconds, and watches show late what has been proven. */
const SECOND_MS = 1_000;

/** What must be true at every moment where pods have addresses of their own: whose an address is, and when it may leave. */
export class FixedAddresses {
  readonly #world: World;
  readonly #partitionGraceMs: number;
  /** Keys of claims that are not on their way out, by address. */
  readonly #claims = new Map<string, string>();
  /** UIDs of claims that people have deleted. */
  readonly #deletedByPeople = new Set<string>();
  /** By address, how often it was to be moved from where it is not, one time after the other. */
  readonly #inVain = new Map<string, number>();
  /** By Node, when it was last so out of reach that its addresses may move. */
  readonly #wasOut = new Map<string, number>();

  constructor(world: World, { partitionGraceMs }: { partitionGraceMs: number }) {
    this.#world = world;
    this.#partitionGraceMs = partitionGraceMs;
  }

  /** Somebody is about to delete a claim. */
  deletedByPeople(claim: JsonObject): void {
    this.#deletedByPeople.add(textAt(claim, "metadata.uid"));
  }

  /** Key of the claim that has the address, and is not on its way out. */
  claimOf(address: string): string | undefined {
    return this.#claims.get(address);
  }

  /** @returns what is wrong with the change of a claim, if something is */
  claimChanged(before: JsonObject | undefined, after: JsonObject | undefined): string | undefined {
    const claim = after ?? before ?? {};
    const key = keyOf(claim);
    const was = textAt(before ?? {}, "spec.address");
    const is = textAt(after ?? {}, "spec.address");
    if (after === undefined) {
      if (this.#claims.get(was) === key) this.#claims.delete(was);
      return this.#gone(before ?? {});
    }
    const kept = textAt(before ?? {}, "spec.policy") === "Never";
    if (was !== "" && was !== is && kept)
      return `the address of claim ${key} has changed from ${was} to ${is}`;
    const isLeaving = textAt(after, "metadata.deletionTimestamp") !== "";
    if (isLeaving) {
      if (this.#claims.get(is) === key) this.#claims.delete(is);
      return textAt(before ?? {}, "metadata.deletionTimestamp") === "" ? this.#leaves(after) : undefined;
    }
    if (was !== is && this.#claims.get(was) === key) this.#claims.delete(was);
    if (is === "") return undefined;
    const other = this.#claims.get(is);
    this.#claims.set(is, key);
    if (other !== undefined && other !== key) return `${is} is of two claims: ${other} and ${key}`;
    return undefined;
  }

  nodeChanged(before: JsonObject | undefined): void {
    if (before === undefined) return;
    if (this.#isOut(before)) this.#wasOut.set(textAt(before, "metadata.name"), this.#world.clock.monotonic());
  }

  /** @returns what is wrong with a pod's having been given an address, if something is */
  given({ nodeName }: Machine, { address, pod }: Veth): string | undefined {
    const owner = this.#claims.get(address);
    // What keeps nothing was its pod's before the agent could know; that pod has ended, or it would hold it.
    const keeps = owner !== undefined && textAt(this.#claim(owner) ?? {}, "spec.policy") === "Never";
    if (keeps && owner !== pod)
      return `${address} was given to ${pod} at ${nodeName}, and is of claim ${owner}`;
    const claim = this.#claim(pod);
    const own = textAt(claim ?? {}, "spec.address");
    if (textAt(claim ?? {}, "spec.policy") !== "Never" || own === "" || own === address) return undefined;
    if (textAt(claim ?? {}, "metadata.deletionTimestamp") !== "") return undefined;
    return `${pod} was given ${address} at ${nodeName}, and its claim keeps ${own}`;
  }

  /** Whether an address may be taken from under its pod: that is gone, as far as the cluster can say, and its node cannot be asked. */
  mayLeave({ nodeName }: Machine, { pod, uid }: Veth): boolean {
    if (this.#lives({ pod, uid })) return false;
    const node = this.#world.server.objects("nodes").find((it) => textAt(it, "metadata.name") === nodeName);
    if (node !== undefined && this.#isOut(node)) return true;
    const at = this.#wasOut.get(nodeName);
    return at !== undefined && this.#world.clock.monotonic() - at < DECIDED_MS;
  }

  /** @returns what is wrong with a call's taking effect now, if something is */
  takesEffect({ action, parameters }: CallUnderWay): string | undefined {
    const { NetworkInterfaceId: eniId = "", PrivateIpAddresses: list = [] } = parameters as {
      NetworkInterfaceId?: string;
      PrivateIpAddresses?: readonly { PrivateIpAddress: string }[];
    };
    const eni = this.#world.cloud.simulator.state.enis.get(eniId);
    if (eni === undefined) return undefined;
    const there = eni.addresses.filter(({ primary }) => !primary).map(({ address }) => address);
    const leaving =
      action === "UnassignPrivateIpAddresses"
        ? list.map(({ PrivateIpAddress }) => PrivateIpAddress).filter((address) => there.includes(address))
        : action === "DeleteNetworkInterface"
          ? there
          : [];
    for (const address of leaving) {
      const key = this.#claims.get(address);
      if (key !== undefined) return `${action} of ${eniId} takes ${address} from claim ${key}, which lives`;
    }
    return undefined;
  }

  /** @returns what is wrong with calls' being made over and over, if something is */
  called({
    action,
    parameters,
    outcome,
  }: {
    action: string;
    parameters: object;
    outcome: string;
  }): string | undefined {
    if (action !== "MigratePrivateIpAddress") return undefined;
    const { PrivateIpAddress: address = "" } = parameters as { PrivateIpAddress?: string };
    const count = outcome.endsWith("AttachmentNotFound") ? (this.#inVain.get(address) ?? 0) + 1 : 0;
    this.#inVain.set(address, count);
    return count > MOST_IN_VAIN
      ? `${address} was to be moved ${count} times from where it is not`
      : undefined;
  }

  /** A claim that begins to go has a reason to. */
  #leaves(claim: JsonObject): string | undefined {
    if (this.#deletedByPeople.has(textAt(claim, "metadata.uid"))) return undefined;
    const key = keyOf(claim);
    if (textAt(claim, "spec.policy") === "Never") {
      const expiresAt = Date.parse(textAt(claim, "status.expiresAt"));
      if (expiresAt <= this.#world.clock.now()) return undefined;
      return `claim ${key} keeps its address, and is let go of although nobody has deleted it and it has not expired`;
    }
    const pod = this.#world.pods().find((it) => keyOf(it) === key);
    const isItsPod = pod !== undefined && textAt(pod, "metadata.uid") === textAt(claim, "spec.podUID");
    return isItsPod && !hasEnded(pod) ? `claim ${key} is let go of while its pod lives` : undefined;
  }

  /** The claim is not there any more. */
  #gone(claim: JsonObject): string | undefined {
    const key = keyOf(claim);
    const address = textAt(claim, "spec.address");
    if (address === "") return undefined;
    for (const { machine } of this.#world.hosts.values()) {
      for (const veth of machine.veths.values()) {
        if (veth.pod === key && veth.address === address && this.#lives(veth) && machine.isReached(address))
          return `claim ${key} has gone while its pod holds ${address} at ${machine.nodeName}`;
      }
    }
    const vip = this.#world.server
      .objects("vpcips")
      .find((it) => textAt(it, "spec.claim") === key && textAt(it, "metadata.deletionTimestamp") === "");
    return vip === undefined
      ? undefined
      : `claim ${key} has gone, and ${textAt(vip, "metadata.name")} is still for it`;
  }

  #lives({ pod, uid }: Pick<Veth, "pod" | "uid">): boolean {
    return this.#world
      .pods()
      .some((it) => keyOf(it) === pod && textAt(it, "metadata.uid") === uid && !hasEnded(it));
  }

  #claim(key: string): JsonObject | undefined {
    return this.#world.server.objects("vpcipclaims").find((it) => keyOf(it) === key);
  }

  #isOut(node: JsonObject): boolean {
    const since = unreachableSince(node);
    if (hasTaint(node, OUT_OF_SERVICE)) return true;
    return since !== undefined && this.#world.clock.now() - since >= this.#partitionGraceMs - SECOND_MS;
  }
}

function keyOf(object: JsonObject): string {
  return `${textAt(object, "metadata.namespace")}/${textAt(object, "metadata.name")}`;
}

function hasEnded(pod: JsonObject): boolean {
  return ["Succeeded", "Failed"].includes(textAt(pod, "status.phase"));
}
