import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { NodeENIConfigStatus } from "../../api/node-eni-config.ts";
import type { CreationPermit } from "../../cloud/budget/call-budget.ts";
import type { Permit } from "../../cloud/budget/permit.ts";
import type { Urgency } from "../../cloud/budget/wish-book.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { CreateAttachedEni, Eni, Instance } from "../../cloud/cloud-vpc.ts";
import type { Effect } from "../cloud-view/cloud-view.ts";
import type { Action } from "../planner/node-view.ts";
import { actOn } from "./act-on-eni.ts";
import type { NodeWorld } from "./node-world.ts";
import { releaseEni } from "./release-eni.ts";
import type { RunCalls } from "./run-calls.ts";
import { adoptEni, askForEni } from "./sync-objects.ts";
import { unassign } from "./unassign.ts";

/** Longest name that an ENI can have is 60 characters. */
const NAME_PREFIX = "tke-eni-";

export interface ActionContext {
  node: string;
  instance: Instance;
  addressesPerEni: number;
  securityGroupIds: readonly string[];
  calls: RunCalls;
  /** Of what makes the node grow. */
  urgency: Urgency;
  /** Writes down, before the call, that an ENI is being made. */
  recordCreating: (creating: NonNullable<NodeENIConfigStatus["creating"]>) => Promise<void>;
}

/**
 * Does one action of a plan, unless it has to wait for its turn with the cloud: then a later plan comes back to it. A refusal for
 * lack of addresses is remembered in the subnet book, so that the next plan chooses another subnet.
 *
 * @throws CloudError when the cloud refused or did not answer, KubeError when the intent could not be written
 */
export async function executeAction(world: NodeWorld, action: Action, context: ActionContext): Promise<void> {
  const { calls, urgency } = context;
  switch (action.kind) {
    case "create-eni": {
      const creation = action.alone ? claimAlone(calls, urgency) : calls.claimCreation(urgency);
      return creation && spending(creation.permit, () => createEni(world, action, { context, creation }));
    }
    case "attach": {
      const permit = calls.claim("AttachNetworkInterface", urgency);
      return permit && spending(permit, () => attach(world, action.eniId, { context, permit }));
    }
    case "assign": {
      const permit = calls.claim("AssignPrivateIpAddresses", urgency);
      return permit && spending(permit, () => assign(world, action, { context, permit }));
    }
    case "assign-named": {
      const permit = calls.claim("AssignPrivateIpAddresses", urgency);
      return permit && spending(permit, () => assignNamed(world, action, { context, permit }));
    }
    case "move": {
      // Its other side may be in the middle of something, such as another move: the reading that ends it brings this node up again.
      if (world.view.isBusy(action.from)) return world.claims?.book.awaitsEni(action.from, context.node);
      const permit = calls.claim("MigratePrivateIpAddress", urgency);
      return permit && spending(permit, () => move(world, action, { context, permit }));
    }
    case "unassign": {
      const permit = calls.claim("UnassignPrivateIpAddresses", "release");
      return permit && spending(permit, () => unassign(world, action, permit));
    }
    case "ask-back":
      return askBack(world, action.address);
    case "ask-eni-back":
      return askEniBack(world, action.eniId);
    case "remove-eni":
      return removeEni(world, action.eniId, calls);
  }
}

/** Leave to make an ENI that is attached later. */
function claimAlone(calls: RunCalls, urgency: Urgency): CreationPermit | undefined {
  const permit = calls.claim("CreateNetworkInterface", urgency);
  return permit && { how: "create", permit };
}

/** Gives a permit back that was not used. */
async function spending(permit: Permit, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } finally {
    permit.release();
  }
}

async function createEni(
  world: NodeWorld,
  action: Action & { kind: "create-eni" },
  { context, creation }: { context: ActionContext; creation: CreationPermit },
): Promise<void> {
  const { clock, objects, configuration, subnets, view, logger } = world;
  const { node, instance } = context;
  const { cluster } = world.options;
  const nonce = world.nonce();
  const since = new Date(clock.now()).toISOString();
  await context.recordCreating({ nonce, subnetID: action.subnetId, addresses: action.addresses, since });
  try {
    const eni = await makeEni(world, creation, {
      name: `${NAME_PREFIX}${nonce}`,
      clientToken: nonce,
      vpcId: configuration.vpcId,
      subnetId: action.subnetId,
      instanceId: instance.id,
      securityGroupIds: context.securityGroupIds,
      addresses: action.addresses,
      tags: [
        { key: ENI_TAGS.clusterId, value: cluster.id },
        { key: ENI_TAGS.clusterUid, value: cluster.uid },
        { key: ENI_TAGS.node, value: node },
        { key: ENI_TAGS.nonce, value: nonce },
      ],
    });
    view.created(eni, clock.monotonic());
    if (creation.how === "create-and-attach") {
      view.acted(eni.id, { effect: isAttached, movesOn: instance.id }, clock.monotonic());
    }
    subnets.took(action.subnetId, action.addresses + 1);
    logger.info({ node, eni: eni.id, subnet: action.subnetId, addresses: action.addresses }, "making an ENI");
    await adoptEni(world, eni, { node, instanceId: instance.id, addressesPerEni: context.addressesPerEni });
    await objects.dropCreating(node);
  } catch (error) {
    if (!(error instanceof CloudError) || error.class === "unknown") throw error;
    if (error.class === "subnet-full") subnets.exhausted(action.subnetId);
    await objects.dropCreating(node);
    throw error;
  }
}

/** In the way for which there is room: at once with its attachment, or to be attached by the next plan. */
function makeEni(
  { acts }: NodeWorld,
  { how, permit }: CreationPermit,
  request: CreateAttachedEni,
): Promise<Eni> {
  const { instanceId: _, ...alone } = request;
  return permit.use(() => (how === "create" ? acts.create(alone) : acts.createAndAttach(request)));
}

async function attach(
  world: NodeWorld,
  eniId: string,
  { context, permit }: { context: ActionContext; permit: Permit },
): Promise<void> {
  const { acts, objects, logger } = world;
  const { node, instance } = context;
  const act = () => permit.use(() => acts.attach(eniId, instance.id));
  try {
    await actOn(world, eniId, { act, effect: isAttached, movesOn: instance.id });
    logger.info({ node, eni: eniId, instance: instance.id }, "attaching an ENI");
  } catch (error) {
    // Done already: the next reading shows it.
    if (error instanceof CloudError && error.class === "done-already") return;
    const veni = objects.enis.get(eniId);
    if (error instanceof CloudError && error.class === "permanent" && veni) {
      // It can never serve this node: let it go rather than try for ever. For want of quota it waits; what is above the node's limit
      // goes by the next plan, once the quota has been read again.
      await objects.writeEni(eniId, { ...veni.spec, intent: "Released" });
    }
    throw error;
  }
}

async function assign(
  world: NodeWorld,
  action: Action & { kind: "assign" },
  { context, permit }: { context: ActionContext; permit: Permit },
): Promise<void> {
  const { acts, objects, subnets, view, logger } = world;
  const subnetId = objects.enis.get(action.eniId)?.spec.subnetID ?? "";
  const wanted = action.count + assignedCount(view.get(action.eniId));
  let named: readonly string[] = [];
  const act = async () => {
    named = await permit.use(() => acts.assign(action.eniId, action.count));
  };
  const effect: Effect = (eni) =>
    assignedCount(eni) >= wanted && named.every((address) => hasAddress(address)(eni));
  try {
    await actOn(world, action.eniId, { act, effect });
    view.given(action.eniId, named);
    subnets.took(subnetId, action.count);
    logger.info({ node: context.node, eni: action.eniId, addresses: action.count }, "assigning addresses");
  } catch (error) {
    if (error instanceof CloudError && error.class === "subnet-full") subnets.exhausted(subnetId);
    throw error;
  }
}

/** Brings a claim its address, of which no ENI of ours has been seen to have it: somebody else may. */
async function assignNamed(
  world: NodeWorld,
  { eniId, address, claim }: Action & { kind: "assign-named" },
  { context, permit }: { context: ActionContext; permit: Permit },
): Promise<void> {
  const { acts, objects, subnets, logger } = world;
  const act = () => permit.use(() => acts.assignAddresses(eniId, [address]));
  try {
    await actOn(world, eniId, { act, effect: hasAddress(address) });
    subnets.took(objects.enis.get(eniId)?.spec.subnetID ?? "", 1);
    logger.info({ node: context.node, eni: eniId, address, claim }, "assigning the address of a claim");
  } catch (error) {
    // It is this claim's trouble alone: the node goes on serving the others.
    if (!(error instanceof CloudError && error.class === "address-taken")) throw error;
    world.claims?.addressTaken(claim, address);
  }
}

/**
 * Moves an address here from the ENI that has it. The VPC takes it off there in the same call, and drops what is sent with it: whoever may
 * still use it there is cut off, and its old object goes once a reading shows it here.
 */
async function move(
  world: NodeWorld,
  { eniId, address, from }: Action & { kind: "move" },
  { context, permit }: { context: ActionContext; permit: Permit },
): Promise<void> {
  const { acts, clock, objects, logger } = world;
  const since = new Date(clock.now()).toISOString();
  await objects.writeAddressStatus(address, { state: "Releasing", since });
  const lacks: Effect = (eni) => !hasAddress(address)(eni);
  const act = () => permit.use(() => acts.migrate(address, { from, to: eniId }));
  try {
    await actOn(world, eniId, {
      act: () => actOn(world, from, { act, effect: lacks }),
      effect: hasAddress(address),
    });
    logger.info({ node: context.node, address, from, to: eniId }, "moving an address");
  } catch (error) {
    // It is not where it was: the next reading shows where it is.
    if (error instanceof CloudError && error.class === "done-already") return;
    // One of the two is in the middle of something that no reading has shown: this move waits for it, and the rest of the node does not.
    if (!(error instanceof CloudError && error.class === "retry-later")) throw error;
    world.claims?.book.awaitsEni(from, context.node);
  }
}

function hasAddress(address: string): Effect {
  return (eni) => eni.addresses.some((it) => it.address === address && it.state !== "deleting");
}

const isAttached: Effect = (eni) => eni.instanceId !== undefined;

function assignedCount(eni: Eni | undefined): number {
  return eni?.addresses.filter(({ state }) => state !== "deleting").length ?? 0;
}

/** Asks the agent for an address that is not in use: it refuses at once if a pod has taken it meanwhile. */
async function askBack(world: NodeWorld, address: string): Promise<void> {
  const vip = world.objects.vipOf(address);
  if (vip === undefined || vip.spec.reclaim !== undefined) return;
  const reclaim = { token: world.tokens.issue(), mode: "now" } as const;
  await world.objects.changeAddress(address, (spec) => ({ ...spec, reclaim }));
}

async function removeEni(world: NodeWorld, eniId: string, calls: RunCalls): Promise<void> {
  const veni = world.objects.enis.get(eniId);
  if (veni === undefined) return;
  await world.objects.writeEni(eniId, { ...veni.spec, intent: "Released" });
  await releaseEni(world, veni, calls);
}

/**
 * An ENI that its agent has just refused is awaited: a pod sends by it whose address somebody has taken to another one, and would have it
 * refused again as often as it is asked for.
 */
async function askEniBack(world: NodeWorld, eniId: string): Promise<void> {
  const veni = world.objects.enis.get(eniId);
  if (veni === undefined) return;
  await askForEni(world, veni, veni.status?.use?.state === "Refused" ? "when-free" : "now");
}
