import type { Permit } from "../../cloud/budget/permit.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import { type Effect, RESERVED_MS, STALE_MS } from "../cloud-view/cloud-view.ts";
import { actOn } from "./act-on-eni.ts";
import type { NodeWorld } from "./node-world.ts";

/** What is written of a call is written so long before it is signed, at most. */
const WRITTEN_BEFORE_MS = 60_000;

/**
 * Takes addresses off an ENI for which it is proven that nobody uses them there. They are reserved on it from before the call, by this
 * leader and the next. Once the call is answered no other of the kind can come, unless a former leader has sent one: all that is left are
 * readings from before it.
 */
export async function unassign(
  world: NodeWorld,
  action: { readonly eniId: string; readonly addresses: readonly string[] },
  permit: Permit,
): Promise<void> {
  const { acts, clock, objects, subnets, view, logger } = world;
  const since = new Date(clock.now()).toISOString();
  for (const address of action.addresses)
    await objects.writeAddressStatus(address, { state: "Releasing", since });
  const gone = new Set(action.addresses);
  const now = clock.monotonic();
  const own = action.addresses.filter((address) => !view.isReserved(action.eniId, address, now));
  await recordUnassigned(world, action.eniId, { addresses: gone, forMs: RESERVED_MS + WRITTEN_BEFORE_MS });
  const effect: Effect = (eni) =>
    eni.addresses.every(({ address, state }) => !gone.has(address) || state === "deleting");
  const act = () => permit.use(() => acts.unassign(action.eniId, action.addresses));
  try {
    await actOn(world, action.eniId, { act, effect });
    subnets.gaveBack(objects.enis.get(action.eniId)?.spec.subnetID ?? "");
    logger.info({ eni: action.eniId, addresses: action.addresses }, "releasing addresses");
  } catch (error) {
    view.unassigned(action.eniId, action.addresses, clock.monotonic());
    // Done already: the next reading shows which.
    if (error instanceof CloudError && error.class === "done-already") return;
    throw error;
  }
  view.unassigned(action.eniId, action.addresses, clock.monotonic());
  view.answered(action.eniId, own, clock.monotonic());
  await recordUnassigned(world, action.eniId, { addresses: new Set(own), forMs: STALE_MS });
}

/** Writes down what is reserved from now on: a successor of this leader does not see it in the cloud. */
async function recordUnassigned(
  { objects, clock }: NodeWorld,
  eniId: string,
  { addresses, forMs }: { addresses: ReadonlySet<string>; forMs: number },
): Promise<void> {
  const cloud = objects.enis.get(eniId)?.status?.cloud;
  if (cloud === undefined) return;
  const now = clock.now();
  const until = new Date(now + forMs).toISOString();
  const others = (cloud.unassigned ?? []).filter(
    (it) => !addresses.has(it.address) && Date.parse(it.until) > now,
  );
  const unassigned = [...others, ...[...addresses].map((address) => ({ address, until }))];
  await objects.writeEniStatus(eniId, { ...cloud, unassigned });
}
