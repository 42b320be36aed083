import { addressQuota } from "./assign-private-addresses.ts";
import { enisOf } from "./find.ts";
import { parseIpv4 } from "./ipv4.ts";
import { isPlugged } from "./plug.ts";
import type { CloudState, Effect } from "./state.ts";

/** What the network looks like: addresses by link. */
export type Links = Map<string, Set<string>>;

/** The network as the state says. */
export function linksOf(state: CloudState): Links {
  const plugged = [...state.enis.values()].filter((eni) => isPlugged(state, eni));
  return new Map(
    plugged.map((eni) => {
      const live = eni.addresses.filter((it) => it.state === "AVAILABLE");
      return [eni.eniId, new Set(live.map((it) => it.address))];
    }),
  );
}

/**
 * Makes effects true in a network.
 *
 * @throws Error for one that cannot be
 */
export function follow(links: Links, effects: readonly Effect[]): void {
  for (const effect of effects) {
    const addresses = links.get(effect.eniId);
    if (effect.kind === "plug") {
      ensure(addresses === undefined, `${effect.eniId} is plugged in once`);
      links.set(effect.eniId, new Set());
    } else if (addresses === undefined) {
      throw new Error(`${effect.kind} of ${effect.eniId}, which is not plugged in`);
    } else if (effect.kind === "unplug") {
      links.delete(effect.eniId);
    } else {
      for (const address of effect.addresses) {
        if (effect.kind === "assign") addresses.add(address);
        else ensure(addresses.delete(address), `${address} is on ${effect.eniId} before it is taken off`);
      }
    }
  }
}

/**
 * What holds of every cloud at every moment, for the specs. A quota that was lowered is no part of it.
 *
 * @throws Error that says what does not hold
 */
export function checkInvariants(state: CloudState, links: Links): void {
  checkAddresses(state);
  checkMachines(state);
  checkTasks(state);
  checkMigrations(state);
  checkIndexes(state);
  same(sorted(links), sorted(linksOf(state)), "the network is as the cloud says");
}

function checkAddresses(state: CloudState): void {
  for (const subnet of state.subnets.values()) {
    const enis = [...state.enis.values()].filter((eni) => eni.subnetId === subnet.subnetId);
    const owned = enis.flatMap((eni) => eni.addresses.map((it) => parseIpv4(it.address) ?? -1));
    const all = [...owned, ...subnet.outsiders].sort((a, b) => a - b);
    same(all, [...new Set(all)], "no address has two owners");
    same(all, [...subnet.taken], `what ${subnet.subnetId} counts is what they have`);
  }
}

function checkMachines(state: CloudState): void {
  for (const { instanceId, type } of state.instances.values()) {
    const attached = enisOf(state, instanceId);
    ensure(attached.length <= type.eniQuota, `${instanceId} has ${attached.length} network interfaces`);
    const devices = attached.flatMap((eni) => eni.attachment?.deviceIndex ?? []);
    ensure(new Set(devices).size === devices.length, `no two of ${instanceId} are one device: ${devices}`);
    for (const eni of attached) {
      ensure(eni.addresses.length <= type.addressesPerEni, `${eni.eniId} keeps to its quota`);
    }
    const moving = attached.filter((eni) => {
      const kind = state.jobs.get(eni.eniId)?.work.kind;
      return kind === "create" || kind === "attach" || kind === "detach";
    });
    ensure(moving.length <= 1, `one job at a time attaches to ${instanceId} or detaches from it`);
  }
}

function checkTasks(state: CloudState): void {
  for (const job of state.jobs.values()) {
    ensure(state.enis.has(job.eniId), `the job ${job.taskId} is at something`);
    ensure(state.tasks.get(job.taskId)?.status === "RUNNING", `the task ${job.taskId} is running`);
  }
  const running = [...state.tasks.values()].filter((task) => task.status === "RUNNING");
  ensure(running.length === state.jobs.size, "every running task has its job");
}

/** An address that migrates is on the interface that it leaves, and the other one has nothing else to do and a place for it. */
function checkMigrations(state: CloudState): void {
  const moves = [...state.jobs.values()].flatMap(({ eniId, work }) =>
    work.kind === "migrate" ? [{ from: eniId, ...work }] : [],
  );
  same(
    moves.map(({ to, from }) => [to, from]).sort(),
    [...state.receiving].sort(),
    "moves are where they are told",
  );
  const migrating = [...state.enis.values()].flatMap(({ eniId, addresses }) =>
    addresses.filter((it) => it.state === "MIGRATING").map((it) => [it.address, eniId]),
  );
  same(
    moves.map(({ address, from }) => [address, from]).sort(),
    migrating.sort(),
    "what migrates has its job",
  );
  for (const { from, to } of moves) {
    ensure(!state.jobs.has(to) && !state.receiving.has(from), `${from} and ${to} have one job between them`);
    const receiving = state.enis.get(to);
    ensure(receiving?.subnetId === state.enis.get(from)?.subnetId, `${from} and ${to} are in one subnet`);
    const places = receiving === undefined ? 0 : addressQuota(state, receiving) - receiving.addresses.length;
    ensure(places > 0, `${to} has a place for what comes`);
  }
}

function checkIndexes(state: CloudState): void {
  const claims = [...state.enis.values()].flatMap((eni): [string, string][] => {
    const work = state.jobs.get(eni.eniId)?.work;
    const wanted = work?.kind === "create" ? work.attachTo?.instanceId : undefined;
    const instanceId = eni.attachment?.instanceId ?? wanted;
    return instanceId === undefined ? [] : [[instanceId, eni.eniId]];
  });
  const indexed = [...state.enisByInstance].flatMap(([instanceId, eniIds]) =>
    eniIds.map((eniId): [string, string] => [instanceId, eniId]),
  );
  same(claims.sort(), indexed.sort(), "machines have the network interfaces that say so");
  const macs = [...state.enis.values()].map((eni) => [eni.mac, eni.eniId]);
  same(macs.sort(), [...state.macs].sort(), "MAC addresses are those of the network interfaces");
  for (const { vpcId, eniCount } of state.vpcs.values()) {
    const enis = [...state.enis.values()].filter((eni) => eni.vpcId === vpcId && !eni.primary);
    ensure(enis.length === eniCount, `${vpcId} counts its ${enis.length} network interfaces: ${eniCount}`);
  }
}

function sorted(links: Links): unknown[] {
  return [...links].map(([eniId, addresses]) => [eniId, [...addresses].sort()]).sort();
}

function same(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  ensure(a === b, `${what}: ${a} and ${b}`);
}

function ensure(holds: boolean, what: string): void {
  if (!holds) {
    throw new Error(`It does not hold that ${what}.`);
  }
}
