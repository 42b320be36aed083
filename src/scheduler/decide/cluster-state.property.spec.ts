import { expect, test } from "bun:test";
import fc from "fast-check";
import { clusterView } from "../testing/cluster-view.ts";
import { madeAddress, madeClaim, madeNode, madeSubnet } from "../testing/made-world.ts";
import { ClusterState } from "./cluster-state.ts";
import { NodeNumbers } from "./node-numbers.ts";
import { NOTHING } from "./node-rooms.ts";
import type { AddressView, ClaimView, ClusterView, NodeView, SubnetView } from "./world.ts";

const SUBNETS = ["subnet-a", "subnet-b", "subnet-c"];
const NODES = ["n1", "n2", "n3"];
const CLAIMS = ["shop/a", "shop/b", "shop/c"];
const ENIS = ["eni-1", "eni-2"];
const ADDRESSES = ["10.0.16.5", "10.0.16.6", "10.0.16.7", "10.0.16.8"];

const oneOf = (values: readonly string[]) => fc.constantFrom(...values);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const time = fc.integer({ min: 0, max: 4 });

const subnet = fc
  .record({ id: oneOf(SUBNETS), active: fc.boolean(), readAt: time })
  .map(({ id, ...more }) => madeSubnet(id, more));
const node = fc
  .record({
    name: oneOf(NODES),
    enis: fc.uniqueArray(
      fc.record({ id: oneOf(ENIS), subnetId: oneOf(SUBNETS), addresses: fc.integer({ min: 0, max: 2 }) }),
      { maxLength: 2, selector: ({ id }) => id },
    ),
    creatingIn: maybe(oneOf(SUBNETS)),
    addressesPerEni: fc.integer({ min: 1, max: 2 }),
  })
  .map(({ name, addressesPerEni, ...more }) =>
    madeNode(name, { ...more, limit: { enis: 3, addressesPerEni, addresses: 6 } }),
  );
const address = fc
  .record({
    address: oneOf(ADDRESSES),
    subnetId: oneOf(SUBNETS),
    node: oneOf(NODES),
    eniId: maybe(oneOf(ENIS)),
    claim: maybe(oneOf(CLAIMS)),
    since: time,
  })
  .map((made) => madeAddress(made.address, made));
const claim = fc
  .record({
    key: oneOf(CLAIMS),
    subnetId: oneOf(["", ...SUBNETS]),
    address: maybe(oneOf(ADDRESSES)),
    node: maybe(oneOf(NODES)),
    leaving: fc.boolean(),
  })
  .map((made) => madeClaim("", made));

type Event =
  | { readonly put: "subnet"; readonly subnet: SubnetView }
  | { readonly put: "node"; readonly node: NodeView }
  | { readonly put: "address"; readonly address: AddressView }
  | { readonly put: "claim"; readonly claim: ClaimView }
  | { readonly remove: string };

const event: fc.Arbitrary<Event> = fc.oneof(
  subnet.map((made) => ({ put: "subnet" as const, subnet: made })),
  node.map((made) => ({ put: "node" as const, node: made })),
  address.map((made) => ({ put: "address" as const, address: made })),
  claim.map((made) => ({ put: "claim" as const, claim: made })),
  oneOf([...SUBNETS, ...NODES, ...ADDRESSES, ...CLAIMS]).map((remove) => ({ remove })),
);

test("after any changes, what was counted on is what is counted anew", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60, size: "max" }), fc.boolean(), (events, onlyNominated) => {
      const state = new ClusterState({ numbers: new NodeNumbers(), onlyNominated });
      const parts = {
        subnets: new Map<string, SubnetView>(),
        nodes: new Map<string, NodeView>(),
        addresses: new Map<string, AddressView>(),
        claims: new Map<string, ClaimView>(),
      };
      for (const happens of events) {
        change(state, parts, happens);
        const configured = onlyNominated
          ? []
          : [...parts.subnets.values()].filter(({ active }) => active).map(({ id }) => id);
        expect(comparable(state.view)).toEqual(comparable(clusterView({ ...parts, configured })));
      }
    }),
    { numRuns: 200 },
  );
});

interface Parts {
  readonly subnets: Map<string, SubnetView>;
  readonly nodes: Map<string, NodeView>;
  readonly addresses: Map<string, AddressView>;
  readonly claims: Map<string, ClaimView>;
}

function change(state: ClusterState, parts: Parts, happens: Event): void {
  if ("remove" in happens) {
    remove(state, parts, happens.remove);
    return;
  }
  switch (happens.put) {
    case "subnet":
      state.putSubnet(happens.subnet);
      parts.subnets.set(happens.subnet.id, happens.subnet);
      break;
    case "node":
      state.putNode(happens.node);
      parts.nodes.set(happens.node.name, happens.node);
      break;
    case "address":
      state.putAddress(happens.address);
      parts.addresses.set(happens.address.address, happens.address);
      break;
    case "claim":
      state.putClaim(happens.claim);
      parts.claims.set(happens.claim.key, happens.claim);
  }
}

function remove(state: ClusterState, { subnets, nodes, addresses, claims }: Parts, key: string): void {
  const subnet = subnets.get(key);
  const node = nodes.get(key);
  const address = addresses.get(key);
  const claim = claims.get(key);
  if (subnet !== undefined) state.removeSubnet(subnet);
  if (node !== undefined) state.removeNode(node);
  if (address !== undefined) state.removeAddress(address);
  if (claim !== undefined) state.removeClaim(claim);
  for (const map of [subnets, nodes, addresses, claims]) map.delete(key);
}

/** Without the order in which things came. */
function comparable({ configured, claimants, rooms, ...view }: ClusterView): object {
  return {
    ...view,
    rooms: NODES.map((name) => {
      const number = rooms.numbers.find(name) ?? -1;
      const inSubnets = SUBNETS.flatMap((id) => {
        const { room, awaited } = rooms.inSubnet(id);
        return [room[number] ?? NOTHING, awaited[number] ?? 0];
      });
      const zone = rooms.zoneOf(number);
      const inAll = [rooms.limit(), rooms.addresses(), rooms.awaited(), rooms.enis(), rooms.perEni()];
      return [zone, ...(zone === undefined ? [] : inAll.map((values) => values[number])), ...inSubnets];
    }),
    configured: configured.toSorted(),
    claimants: new Map([...claimants].map(([address, keys]) => [address, keys.toSorted()])),
  };
}
