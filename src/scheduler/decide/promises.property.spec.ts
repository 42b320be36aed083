// What the extender promises, on clusters and sequences of verbs that nobody thought of.
import { expect, it } from "bun:test";
import fc from "fast-check";
import { clusterView, madeNumbers } from "../testing/cluster-view.ts";
import { madeAddress, madeClaim, madePod } from "../testing/made-world.ts";
import { chooseNodes } from "./choose-nodes.ts";
import { countedNode } from "./counted-node.ts";
import { add } from "./counts.ts";
import { enisToMake } from "./enis-to-make.ts";
import { fits } from "./fits.ts";
import { questionOf } from "./question.ts";
import { QuickLook } from "./quick-look.ts";
import { Reservations } from "./reservations.ts";
import type { AddressView, ClaimView, ClusterView, NodeView, PodView, SubnetView } from "./world.ts";

const SUBNETS = ["subnet-a", "subnet-b", "subnet-c"];
const ZONES = ["zone-1", "zone-2"];
const NODES = ["n1", "n2", "n3", "n4"];

const subnets = fc
  .tuple(
    ...SUBNETS.map((id, i) =>
      fc.record({
        id: fc.constant(id),
        zone: fc.constantFrom(...ZONES),
        cidr: fc.constant(`10.0.${16 + i}.0/24`),
        active: fc.boolean().map((no) => !no || i === 0),
        total: fc.constant(253),
        free: fc.option(fc.nat({ max: 12 }), { nil: undefined, freq: 9 }),
        readAt: fc.constant(1000),
      }),
    ),
  )
  .map((list): SubnetView[] => list);

const nodes = fc
  .tuple(
    ...NODES.map((name) =>
      fc
        .record({
          zone: fc.constantFrom(...ZONES),
          labelled: fc.subarray(SUBNETS).map((ids) => (ids.length === 3 ? ids : [])),
          perEni: fc.integer({ min: 1, max: 4 }),
          limit: fc.nat({ max: 3 }),
          enis: fc.array(fc.record({ subnetId: fc.constantFrom(...SUBNETS), filled: fc.nat({ max: 4 }) }), {
            maxLength: 3,
          }),
          creatingIn: fc.option(fc.constantFrom(...SUBNETS), { nil: undefined, freq: 1 }),
          addresses: fc.integer({ min: 0, max: 12 }),
          disabled: fc.nat({ max: 9 }).map((n) => n === 0),
        })
        .map(
          ({ perEni, limit, enis, addresses, ...rest }): NodeView => ({
            ...rest,
            name,
            enis: enis.slice(0, limit).map(({ subnetId, filled }, i) => ({
              id: `eni-${i}`,
              subnetId,
              addresses: Math.min(filled, perEni),
            })),
            limit: { enis: limit, addressesPerEni: perEni, addresses },
          }),
        ),
    ),
  )
  .map((list): NodeView[] => list);

const pods = fc.array(
  fc.record({
    nominated: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.subarray(SUBNETS) },
    ),
    address: fc.option(
      fc.nat({ max: 3 }).map((n) => `10.0.16.${20 + n}`),
      { nil: undefined, freq: 1 },
    ),
  }),
  { minLength: 1, maxLength: 25 },
);

/** Pods of earlier times: a claim, maybe with an address that is bound somewhere. */
const formers = fc.array(
  fc.record({
    subnetId: fc.constantFrom(...SUBNETS),
    node: fc.option(fc.constantFrom(...NODES), { nil: undefined }),
    boundOn: fc.option(fc.constantFrom(...NODES), { nil: undefined }),
    eniId: fc.constantFrom("eni-0", "eni-1", undefined),
    since: fc.constantFrom(0, 2000),
    leaving: fc.nat({ max: 4 }).map((n) => n === 0),
  }),
  { maxLength: 6 },
);

const scene = fc.record({
  subnets,
  nodes,
  pods,
  formers,
  onlyNominated: fc.nat({ max: 4 }).map((n) => n === 0),
});
type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never;

class Cluster {
  readonly claims = new Map<string, ClaimView>();
  readonly addresses = new Map<string, AddressView>();
  readonly reservations = new Reservations(madeNumbers);
  readonly #scene: Scene;

  constructor(made: Scene) {
    this.#scene = made;
    for (const [i, { subnetId, node, boundOn, eniId, since, leaving }] of made.formers.entries()) {
      const address = `10.0.${16 + SUBNETS.indexOf(subnetId)}.${100 + i}`;
      const claim = madeClaim(`former-${i}`, { subnetId, node, leaving });
      if (boundOn !== undefined)
        this.addresses.set(
          address,
          madeAddress(address, { subnetId, node: boundOn, eniId, claim: claim.key, since }),
        );
      this.claims.set(claim.key, claim);
    }
  }

  view(order: readonly string[]): ClusterView {
    const { subnets, nodes, onlyNominated } = this.#scene;
    const byName = new Map(nodes.map((node) => [node.name, node]));
    return clusterView({
      subnets: new Map(subnets.map((subnet) => [subnet.id, subnet])),
      nodes: new Map(order.map((name) => [name, byName.get(name) as NodeView])),
      claims: new Map(this.claims),
      addresses: new Map(this.addresses),
      configured: onlyNominated ? [] : subnets.filter(({ active }) => active).map(({ id }) => id),
    });
  }

  choose(pod: PodView, names = NODES, order = NODES) {
    return this.reservations.without(pod.uid, () =>
      chooseNodes(pod, names, { ...this.view(order), reserved: this.reservations }),
    );
  }

  /** As filter does it. */
  filter(pod: PodView): readonly string[] {
    const { fitting, passed } = this.choose(pod);
    if (fitting.size === 0) this.reservations.end(pod.uid);
    else this.reservations.reserve(pod.uid, { places: fitting, address: pod.address, now: 0 });
    return passed;
  }

  /** As bind does it; the watch shows the claim at once. @returns whether the pod was bound */
  bind(pod: PodView, node: string): boolean {
    const fit = this.choose(pod, [node]).fitting.get(node);
    if (fit === undefined) return false;
    this.reservations.end(pod.uid);
    this.claims.set(pod.key, {
      ...madeClaim("", { subnetId: fit.subnetId, node, address: pod.address }),
      key: pod.key,
    });
    return true;
  }

  node(name: string): NodeView {
    return this.#scene.nodes.find((node) => node.name === name) as NodeView;
  }

  subnet(id: string): SubnetView {
    return this.#scene.subnets.find((subnet) => subnet.id === id) as SubnetView;
  }
}

function podsOf({ pods }: Scene): PodView[] {
  return pods.map((more, i) => madePod(`p${i}`, more));
}

/** Addresses of a subnet that claims will have taken once all is done, ENIs' own included, beyond those of the reading. */
function takenIn(id: string, cluster: Cluster): number {
  let taken = 0;
  const coming = new Map<string, number>();
  const bound = new Map([...cluster.addresses.values()].map((address) => [address.claim, address]));
  for (const { subnetId, since } of cluster.addresses.values())
    if (subnetId === id && since > 1000) taken += 1;
  for (const { key, subnetId, node, leaving } of cluster.claims.values()) {
    if (subnetId !== id) continue;
    if (!bound.has(key)) taken += 1;
    if (node !== undefined && !leaving && bound.get(key)?.node !== node)
      coming.set(node, (coming.get(node) ?? 0) + 1);
  }
  for (const name of NODES) {
    const onEni = new Map<string, number>();
    for (const { node, eniId } of cluster.addresses.values())
      if (node === name && eniId !== undefined) add(onEni, eniId);
    const node = countedNode(cluster.node(name), { onEni, awaited: undefined });
    taken += enisToMake(node, id, coming.get(name) ?? 0);
  }
  return taken;
}

/** Where among its nodes the scheduler sends each pod. */
const picks = fc.infiniteStream(fc.nat({ max: 99 }));

it("never lets more pods pass than there are addresses, ENIs' own included, and each that passed is bound wherever it goes", () => {
  fc.assert(
    fc.property(scene, picks, fc.boolean(), (made, pick, allFirst) => {
      const cluster = new Cluster(made);
      const before = new Map(SUBNETS.map((id) => [id, takenIn(id, cluster)]));
      const bindLater: [PodView, readonly string[]][] = [];
      const bind = (pod: PodView, places: readonly string[]) => {
        const node = places[(pick.next().value as number) % places.length] as string;
        expect(cluster.bind(pod, node)).toBe(true);
      };
      for (const pod of podsOf(made)) {
        const places = cluster.filter(pod);
        if (places.length === 0) continue;
        if (allFirst) bindLater.push([pod, places]);
        else bind(pod, places);
      }
      for (const [pod, places] of bindLater) bind(pod, places);
      for (const id of SUBNETS) {
        const taken = takenIn(id, cluster);
        if (taken > (before.get(id) ?? 0)) expect(taken).toBeLessThanOrEqual(cluster.subnet(id).free ?? 0);
      }
      const named = [...cluster.claims.values()].flatMap(({ address }) => address ?? []);
      expect(new Set(named).size).toBe(named.length);
    }),
    { numRuns: 500 },
  );
});

it("sends nobody to a node of another zone, of a subnet that it may not use, or beyond what the node may have", () => {
  fc.assert(
    fc.property(scene, picks, (made, pick) => {
      const cluster = new Cluster(made);
      for (const pod of podsOf(made)) {
        const { fitting, passed: places } = cluster.choose(pod);
        for (const [name, { subnetId }] of fitting) {
          const node = cluster.node(name);
          const subnet = cluster.subnet(subnetId);
          expect(subnet.active).toBe(true);
          expect(subnet.zone).toBe(node.zone);
          expect(node.disabled).toBe(false);
          if (pod.address !== undefined) expect(subnetId).toBe("subnet-a");
          else if (pod.nominated.length > 0) expect(pod.nominated).toContain(subnetId);
          else if (node.labelled.length > 0) expect(node.labelled).toContain(subnetId);
          else expect(made.onlyNominated).toBe(false);
        }
        if (places.length > 0)
          cluster.bind(pod, places[(pick.next().value as number) % places.length] as string);
      }
      for (const { name, limit, enis } of made.nodes) {
        const sent = [...cluster.claims.values()].filter(
          ({ key, node }) => node === name && key.startsWith("shop/p"),
        );
        const there = enis.reduce((sum, { addresses }) => sum + addresses, 0);
        if (sent.length > 0) expect(there + sent.length).toBeLessThanOrEqual(limit.addresses);
      }
    }),
    { numRuns: 500 },
  );
});

it("says of most nodes at once what the rule says of them", () => {
  let quick = 0;
  fc.assert(
    fc.property(scene, picks, (made, pick) => {
      const cluster = new Cluster(made);
      for (const pod of [...podsOf(made), ...made.formers.map((_, i) => madePod(`former-${i}`))]) {
        const world = { ...cluster.view(NODES), reserved: cluster.reservations };
        const question = questionOf(pod, world);
        if (typeof question === "string") continue;
        const look = new QuickLook(question);
        for (const name of NODES) {
          const said = look.at(madeNumbers.of(name));
          if (said === undefined) continue;
          expect(said).toEqual(fits(question, world.nodes.get(name)));
          quick++;
        }
        const places = cluster.filter(pod);
        if (places.length > 0 && (pick.next().value as number) % 3 === 0)
          cluster.bind(pod, places[(pick.next().value as number) % places.length] as string);
      }
    }),
    { numRuns: 1000 },
  );
  expect(quick).toBeGreaterThan(1000);
});

it("answers the same when it is asked again, and whatever the order of nodes, claims and names", () => {
  fc.assert(
    fc.property(scene, fc.shuffledSubarray(NODES, { minLength: 4, maxLength: 4 }), (made, order) => {
      const cluster = new Cluster(made);
      const shuffled = new Cluster({ ...made, subnets: made.subnets.toReversed() });
      for (const pod of podsOf(made)) {
        const places = cluster.filter(pod);
        const refused = cluster.choose(pod).refused;
        expect(cluster.filter(pod)).toEqual([...places]);
        const other = shuffled.choose(pod, order, order);
        expect(new Set(other.passed)).toEqual(new Set(places));
        expect(other.refused).toEqual(refused);
        shuffled.filter(pod);
      }
    }),
    { numRuns: 500 },
  );
});

it("is left as it was once every reservation has ended", () => {
  fc.assert(
    fc.property(scene, (made) => {
      const cluster = new Cluster(made);
      const all = podsOf(made);
      for (const pod of all) cluster.filter(pod);
      for (const pod of all) cluster.reservations.end(pod.uid);
      for (const id of SUBNETS)
        expect(cluster.reservations.inSubnet(id)).toMatchObject({ addresses: 0, makers: 0 });
      for (const name of NODES) expect(cluster.reservations.onNode(name).pods).toBe(0);
      for (const pod of all) {
        if (pod.address !== undefined) expect(cluster.reservations.hasAddress(pod.address)).toBe(false);
      }
    }),
    { numRuns: 300 },
  );
});
