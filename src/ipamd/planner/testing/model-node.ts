import { drainExcess } from "../drain-excess.ts";
import type { Action, AddressView, EniView, NodeView, SubnetView } from "../node-view.ts";
import { planNode } from "../plan-node.ts";
import type { ShrinkMemory } from "../shrink.ts";

/** What can happen to a node beside what its plans do. */
export type Happening =
  | { kind: "time"; steps: number }
  | { kind: "pods"; count: number }
  | { kind: "waiting"; count: number }
  | { kind: "agent"; mode: AgentMode }
  | { kind: "limit"; enis: number; addressesPerEni: number; addresses: number }
  | { kind: "warm"; min: number; extra: number }
  | { kind: "subnet"; at: number; configured: boolean; labelled: boolean; free: number }
  /** Somebody moves an ENI in the cloud's console. */
  | { kind: "eni-moved"; at: number; to: "here" | "nowhere" | "elsewhere" }
  /** Somebody takes an address off in the cloud's console. */
  | { kind: "address-lost"; at: number }
  /** `kubectl delete veni`, `kubectl delete vip`. */
  | { kind: "eni-deleted"; at: number }
  | { kind: "address-deleted"; at: number }
  | { kind: "new-leader" };

/** How the node's agent is: it answers at once, now and then, or it is away. */
export type AgentMode = "prompt" | "late" | "away";

interface ModelAddress {
  readonly address: string;
  pod?: number;
  /** Steps until it may be given again. */
  cooling: number;
  /** The agent will never hand it out again. */
  closed: boolean;
  ask?: { mode: "now" | "when-free"; agreed: boolean };
  /** Steps for which a reading does not make it usable. */
  reserved: number;
  /** What the agent has said last. */
  said: AddressView["use"];
}

interface ModelEni {
  readonly id: string;
  readonly subnetId: string;
  place: "here" | "nowhere" | "elsewhere";
  /** Steps since it was detached. */
  nowhereFor: number;
  /** An operation under way, and what it comes to. */
  work?: { steps: number; done: () => void; attaching: boolean } | undefined;
  ask?: { mode: "now" | "when-free"; agreed: boolean } | undefined;
  /** Asked by its objects without a token. */
  released: boolean;
  addresses: ModelAddress[];
}

interface ModelSubnet {
  readonly id: string;
  configured: boolean;
  labelled: boolean;
  free: number;
}

/** Milliseconds of a step: four of them are the pace of giving back. */
export const STEP_MS = 30_000;

/** Most addresses of one UnassignPrivateIpAddresses. */
const BATCH = 10;

/**
 * A node with its ENIs, its agent and its pods, as far as its plans depend on them. It does what plans say, as late as dice decide,
 * and throws where an action is one that must never be.
 */
export class ModelNode {
  pods: number[] = [];
  waiting = 0;
  warm = { min: 0, max: 0 };
  limit = { enis: 2, addressesPerEni: 5, addresses: 10, quota: 10 };
  quick = false;
  readonly subnets: ModelSubnet[];
  enis: ModelEni[] = [];
  agent: AgentMode = "prompt";
  readonly #random: () => number;
  #creating: { subnetId: string; addresses: number; steps: number; attached: boolean } | undefined;
  #memory: ShrinkMemory = {};
  #now = 0;
  #serial = 0;

  constructor(random: () => number, subnets: readonly number[]) {
    this.#random = random;
    this.subnets = subnets.map((free, i) => ({ id: `subnet-${i}`, configured: true, labelled: true, free }));
  }

  /** What the planner looks at. */
  seen(): NodeView {
    const subnets = this.subnets.map(
      ({ id, free, configured, labelled }): SubnetView => ({ id, free, forNewEnis: configured && labelled }),
    );
    return {
      demand: this.pods.length,
      waiting: this.waiting,
      warm: this.warm,
      limit: this.limit,
      enis: this.enis.map((eni) => this.#viewOf(eni)),
      instanceBusy: this.#isInstanceBusy(),
      subnets,
      ...(this.#creating && {
        creating: { subnetId: this.#creating.subnetId, addresses: this.#creating.addresses },
      }),
    };
  }

  /** Plans, does what the plan says, and lets a step of time pass. @returns the actions */
  step(): Action[] {
    const seen = this.seen();
    const plan = planNode(seen, this.#memory, { quick: this.quick, now: this.#now });
    this.#memory = plan.memory;
    this.#inspect(seen, plan.actions);
    for (const action of plan.actions) this.#act(action);
    this.#pass();
    return plan.actions;
  }

  happen(happening: Happening): void {
    switch (happening.kind) {
      case "time":
        for (let i = 0; i < happening.steps; i++) this.step();
        return;
      case "pods":
        this.setPods(happening.count);
        return;
      case "waiting":
        this.waiting = happening.count;
        return;
      case "agent":
        this.agent = happening.mode;
        return;
      case "limit": {
        const { enis, addressesPerEni, addresses } = happening;
        this.limit = { enis, addressesPerEni, addresses, quota: 99 };
        return;
      }
      case "warm":
        this.warm = { min: happening.min, max: happening.min + happening.extra };
        return;
      case "subnet": {
        const subnet = this.subnets[happening.at % this.subnets.length];
        if (subnet !== undefined) Object.assign(subnet, happening);
        return;
      }
      case "eni-moved": {
        const eni = this.enis[happening.at % Math.max(1, this.enis.length)];
        if (eni === undefined || eni.work !== undefined) return;
        eni.place = happening.to;
        eni.nowhereFor = 0;
        return;
      }
      case "eni-deleted": {
        const eni = this.enis[happening.at % Math.max(1, this.enis.length)];
        if (eni !== undefined && eni.ask === undefined) eni.ask = { mode: "when-free", agreed: false };
        return;
      }
      case "address-lost": {
        const address = this.#pick(happening.at);
        const eni = this.enis.find((it) => address !== undefined && it.addresses.includes(address));
        if (eni === undefined) return;
        eni.addresses = eni.addresses.filter((it) => it !== address);
        return;
      }
      case "address-deleted": {
        const address = this.#pick(happening.at);
        if (address !== undefined) address.ask ??= { mode: "when-free", agreed: false };
        return;
      }
      case "new-leader":
        this.#memory = {};
        // Tokens of the former leader are replaced, and what they said of a use with them.
        for (const eni of this.enis) {
          if (eni.ask !== undefined) eni.ask.agreed = false;
          for (const address of eni.addresses) if (address.ask !== undefined) address.ask.agreed = false;
        }
    }
  }

  /** Pods come, or those that came first go. */
  setPods(count: number): void {
    while (this.pods.length < count) this.pods.push(++this.#serial);
    for (const gone of this.pods.splice(0, this.pods.length - count)) {
      for (const address of this.enis.flatMap((eni) => eni.addresses)) {
        if (address.pod !== gone) continue;
        delete address.pod;
        address.cooling = 2;
      }
    }
  }

  #isInstanceBusy(): boolean {
    return this.enis.some((eni) => eni.work?.attaching === true);
  }

  isDraining(eni: ModelEni): boolean {
    return this.subnets.find(({ id }) => id === eni.subnetId)?.configured !== true;
  }

  #pick(at: number): ModelAddress | undefined {
    const all = this.enis.flatMap((eni) => eni.addresses);
    return all[at % Math.max(1, all.length)];
  }

  #viewOf(eni: ModelEni): EniView {
    const busy = eni.work !== undefined;
    return {
      id: eni.id,
      subnetId: eni.subnetId,
      ready: eni.place === "here" && eni.work?.attaching !== true,
      busy,
      unattached: eni.place === "nowhere" && !busy,
      detached: eni.place === "nowhere" && !busy && eni.nowhereFor > 1,
      draining: this.isDraining(eni),
      leaving: eni.ask?.agreed ? "agreed" : eni.ask !== undefined || eni.released ? "asked" : "no",
      addresses: eni.addresses.map(({ address, ask, reserved, said }) => ({
        address,
        assigned: true,
        reserved: reserved > 0,
        use: reserved > 0 ? "unknown" : said,
        reclaim: ask === undefined ? "no" : ask.agreed ? "agreed" : "asked",
      })),
    };
  }

  /** What must hold for the plan as a whole. */
  #inspect(seen: NodeView, actions: readonly Action[]): void {
    const named = actions.flatMap((action) => ("eniId" in action ? [action.eniId] : []));
    must(new Set(named).size === named.length, "one action an ENI", actions);
    const moves = actions.filter(
      (action) => action.kind === "attach" || (action.kind === "create-eni" && !action.alone),
    );
    must(moves.length <= (seen.instanceBusy ? 0 : 1), "one ENI an instance is attached at a time", actions);
    const asked = actions.flatMap((action) => (action.kind === "ask-back" ? [action.address] : []));
    must(new Set(asked).size === asked.length, "each address is asked for once", actions);
    const growing = new Set(actions.flatMap((a) => (a.kind === "assign" ? [a.eniId] : [])));
    for (const eni of seen.enis.filter(({ id }) => growing.has(id))) {
      const both = eni.addresses.some((a) => asked.includes(a.address));
      must(!both, "nothing is asked back of an ENI that gets more", { actions, eni });
    }
    const capacity = Math.min(this.limit.addresses, this.limit.enis * this.limit.addressesPerEni);
    const more = actions.reduce(
      (sum, a) => sum + (a.kind === "assign" ? a.count : a.kind === "create-eni" ? a.addresses : 0),
      0,
    );
    const spare = Math.floor((this.warm.max - this.warm.min) / 4);
    const wanted = Math.min(this.pods.length + this.waiting + this.warm.min + spare, capacity);
    // Counted in another way than the planner does.
    const there = this.enis
      .filter((eni) => eni.place !== "elsewhere" || eni.work !== undefined)
      .flatMap((eni) => eni.addresses)
      .filter(
        (a) => a.pod !== undefined && a.ask?.agreed !== true && a.reserved === 0 && a.said === "in-use",
      );
    must(more === 0 || there.length + more <= wanted, "no more than is wanted", { actions, wanted });
  }

  #act(action: Action): void {
    switch (action.kind) {
      case "create-eni": {
        const subnet = this.#subnet(action.subnetId);
        must(this.#creating === undefined, "one ENI is made at a time", action);
        must(subnet.configured && subnet.labelled, "a subnet for new ENIs", action);
        must(action.addresses >= 1 && action.addresses <= this.limit.addressesPerEni, "quota", action);
        const places = this.enis.filter((eni) => eni.place !== "elsewhere" || eni.work !== undefined);
        must(places.length < this.limit.enis, "no more ENIs than the limit", { action, places });
        must(subnet.free >= action.addresses + 1, "no more than the subnet has", action);
        subnet.free -= action.addresses + 1;
        this.#creating = {
          subnetId: action.subnetId,
          addresses: action.addresses,
          steps: this.#dice(3),
          attached: !action.alone && this.#random() < 0.7,
        };
        return;
      }
      case "attach": {
        const eni = this.#eni(action.eniId);
        must(
          eni.place === "nowhere" && eni.work === undefined,
          "attaches what is attached to nothing",
          action,
        );
        const places =
          this.enis.filter((it) => it.place === "here" || it.work?.attaching).length +
          (this.#creating === undefined ? 0 : 1);
        must(places < this.limit.enis, "no more ENIs than the limit", action);
        this.#begin(eni, { attaching: true, done: () => Object.assign(eni, { place: "here" }) });
        return;
      }
      case "assign": {
        const eni = this.#eni(action.eniId);
        const subnet = this.#subnet(eni.subnetId);
        must(eni.place === "here" && eni.work === undefined, "one operation an ENI", action);
        must(eni.ask === undefined && !eni.released && !this.isDraining(eni), "fills what stays", action);
        must(action.count >= 1, "assigns something", action);
        must(eni.addresses.length + action.count <= this.limit.addressesPerEni, "quota of the ENI", action);
        must(subnet.free >= action.count, "no more than the subnet has", action);
        subnet.free -= action.count;
        eni.addresses.push(...this.#fresh(action.count));
        this.#begin(eni, { attaching: false, done: () => {} });
        return;
      }
      case "ask-back": {
        const address = this.enis.flatMap((eni) => eni.addresses).find((a) => a.address === action.address);
        must(address !== undefined && address.ask === undefined, "asks once", action);
        must(address?.said === "free" || address?.said === "cooling-down", "asks for nothing in use", action);
        if (address !== undefined) address.ask = { mode: "now", agreed: false };
        return;
      }
      case "unassign": {
        const eni = this.#eni(action.eniId);
        must(eni.place === "here" && eni.work === undefined, "one operation an ENI", action);
        must(action.addresses.length >= 1 && action.addresses.length <= BATCH, "at most ten", action);
        const going = eni.addresses.filter((a) => action.addresses.includes(a.address));
        must(going.length === action.addresses.length, "addresses of that ENI", action);
        for (const address of going) {
          must(address.ask?.agreed === true && address.pod === undefined, "agreed and free", {
            action,
            address,
          });
        }
        this.#begin(eni, {
          attaching: false,
          done: () => {
            eni.addresses = eni.addresses.filter((a) => !going.includes(a));
            this.#subnet(eni.subnetId).free += going.length;
          },
        });
        return;
      }
      case "ask-eni-back": {
        const eni = this.#eni(action.eniId);
        must(eni.ask === undefined, "asks once", action);
        must(
          eni.addresses.every((a) => a.said === "free" || a.said === "cooling-down"),
          "asks for no ENI with an address in use",
          { action, eni },
        );
        eni.ask = { mode: "now", agreed: false };
        return;
      }
      case "remove-eni": {
        const eni = this.#eni(action.eniId);
        must(eni.work === undefined, "one operation an ENI", action);
        const agreed = eni.ask?.agreed === true && eni.addresses.every((a) => a.pod === undefined);
        must(
          agreed || (eni.place === "nowhere" && eni.nowhereFor > 1),
          "removes only what is proven unused",
          eni,
        );
        eni.released = true;
        if (eni.place === "nowhere") {
          this.#subnet(eni.subnetId).free += eni.addresses.length + 1;
          this.enis = this.enis.filter((it) => it !== eni);
          return;
        }
        this.#begin(eni, {
          attaching: true,
          done: () => Object.assign(eni, { place: "nowhere", nowhereFor: 0 }),
        });
      }
    }
  }

  #begin(eni: ModelEni, { attaching, done }: { attaching: boolean; done: () => void }): void {
    eni.work = { steps: this.#dice(3), done, attaching };
  }

  #pass(): void {
    this.#now += STEP_MS;
    for (const eni of this.enis) {
      if (eni.place === "nowhere") eni.nowhereFor++;
      if (eni.work === undefined || --eni.work.steps > 0) continue;
      const { done } = eni.work;
      eni.work = undefined;
      done();
    }
    if (this.#creating !== undefined && --this.#creating.steps <= 0) {
      const { subnetId, addresses, attached } = this.#creating;
      this.#creating = undefined;
      this.enis.push({
        id: `eni-${++this.#serial}`,
        subnetId,
        place: attached ? "here" : "nowhere",
        nowhereFor: 0,
        released: false,
        addresses: this.#fresh(addresses),
      });
    }
    if (this.agent === "prompt" || (this.agent === "late" && this.#random() < 0.3)) this.#agentWorks();
    for (const address of this.enis.flatMap((eni) => eni.addresses)) {
      if (address.cooling > 0) address.cooling--;
      if (address.reserved > 0) address.reserved--;
    }
  }

  /** The agent gives addresses to pods without anybody's leave, says what it has, and answers what it is asked. */
  #agentWorks(): void {
    const held = new Set(this.enis.flatMap((eni) => eni.addresses.flatMap((a) => a.pod ?? [])));
    const homeless = this.pods.filter((pod) => !held.has(pod));
    for (const eni of this.enis) {
      const usable = eni.place === "here" && eni.work?.attaching !== true && eni.ask?.agreed !== true;
      for (const address of eni.addresses) {
        const free = address.pod === undefined && !address.closed && address.cooling === 0;
        if (usable && free && address.reserved === 0 && this.#random() < 0.9) {
          const pod = homeless.shift();
          if (pod !== undefined) address.pod = pod;
        }
        address.said = address.pod !== undefined ? "in-use" : address.cooling > 0 ? "cooling-down" : "free";
        if (address.ask === undefined || address.ask.agreed) continue;
        if (address.pod === undefined)
          Object.assign(address, { closed: true, ask: { ...address.ask, agreed: true } });
        else if (address.ask.mode === "now") delete address.ask;
      }
      if (eni.released && eni.ask === undefined && eni.place !== "nowhere")
        eni.ask = { mode: "now", agreed: false };
      if (eni.ask === undefined || eni.ask.agreed) continue;
      if (eni.addresses.every((a) => a.pod === undefined)) {
        for (const address of eni.addresses) address.closed = true;
        eni.ask.agreed = true;
      } else if (eni.ask.mode === "now") {
        eni.ask = undefined;
        eni.released = false;
      }
    }
  }

  #fresh(count: number): ModelAddress[] {
    return Array.from({ length: count }, () => ({
      address: `10.0.0.${++this.#serial}`,
      cooling: 0,
      closed: false,
      reserved: this.#random() < 0.1 ? 10 : 0,
      said: "unknown",
    }));
  }

  #dice(sides: number): number {
    return 1 + Math.floor(this.#random() * sides);
  }

  #eni(id: string): ModelEni {
    const eni = this.enis.find((it) => it.id === id);
    if (eni === undefined) throw new Error(`there is no ${id}`);
    return eni;
  }

  #subnet(id: string): ModelSubnet {
    const subnet = this.subnets.find((it) => it.id === id);
    if (subnet === undefined) throw new Error(`there is no ${id}`);
    return subnet;
  }

  /** What the node would say of itself. */
  planned(): NodeView {
    return drainExcess(this.seen());
  }
}

function must(holds: boolean, what: string, about: unknown): void {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(about)}`);
}
