import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { NodeENIConfigStatus } from "../../api/node-eni-config.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { Instance } from "../../cloud/cloud-vpc.ts";
import type { Action } from "../planner/node-view.ts";
import type { NodeWorld } from "./node-world.ts";
import { releaseEni } from "./release-eni.ts";
import { adoptEni, askForEni } from "./sync-objects.ts";

/** Longest name that an ENI can have is 60 characters. */
const NAME_PREFIX = "tke-eni-";

export interface ActionContext {
  node: string;
  instance: Instance;
  addressesPerEni: number;
  securityGroupIds: readonly string[];
  /** Writes down, before the call, that an ENI is being made. */
  recordCreating: (creating: NonNullable<NodeENIConfigStatus["creating"]>) => Promise<void>;
}

/**
 * Does one action of a plan. A refusal for lack of addresses is remembered in the subnet book, so that the next plan chooses
 * another subnet.
 *
 * @throws CloudError when the cloud refused or did not answer, KubeError when the intent could not be written
 */
export async function executeAction(world: NodeWorld, action: Action, context: ActionContext): Promise<void> {
  switch (action.kind) {
    case "create-eni":
      return createEni(world, action, context);
    case "assign":
      return assign(world, action, context);
    case "unassign":
      return unassign(world, action);
    case "ask-back":
      return askBack(world, action.address);
    case "ask-eni-back":
      return askEniBack(world, action.eniId);
    case "remove-eni":
      return removeEni(world, action.eniId);
  }
}

async function createEni(
  world: NodeWorld,
  action: Action & { kind: "create-eni" },
  context: ActionContext,
): Promise<void> {
  const { cloud, clock, objects, settings, subnets, view, logger } = world;
  const { node, instance } = context;
  const nonce = world.nonce();
  const since = new Date(clock.now()).toISOString();
  await context.recordCreating({ nonce, subnetID: action.subnetId, addresses: action.addresses, since });
  try {
    const eni = await cloud.createAndAttach({
      name: `${NAME_PREFIX}${nonce}`,
      clientToken: nonce,
      vpcId: settings.vpcId,
      subnetId: action.subnetId,
      instanceId: instance.id,
      securityGroupIds: context.securityGroupIds,
      addresses: action.addresses,
      tags: [
        { key: ENI_TAGS.clusterId, value: settings.cluster.id },
        { key: ENI_TAGS.clusterUid, value: settings.cluster.uid },
        { key: ENI_TAGS.node, value: node },
        { key: ENI_TAGS.nonce, value: nonce },
      ],
    });
    view.created(eni, clock.monotonic());
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

async function assign(
  world: NodeWorld,
  action: Action & { kind: "assign" },
  { node }: ActionContext,
): Promise<void> {
  const { cloud, clock, objects, subnets, view, logger } = world;
  const subnetId = objects.enis.get(action.eniId)?.spec.subnetID ?? "";
  view.touch(action.eniId, clock.monotonic());
  try {
    await cloud.assign(action.eniId, action.count);
    subnets.took(subnetId, action.count);
    logger.info({ node, eni: action.eniId, addresses: action.count }, "assigning addresses");
  } catch (error) {
    if (error instanceof CloudError && error.class === "subnet-full") subnets.exhausted(subnetId);
    throw error;
  } finally {
    view.touch(action.eniId, clock.monotonic());
  }
}

async function unassign(world: NodeWorld, action: Action & { kind: "unassign" }): Promise<void> {
  const { cloud, clock, objects, subnets, view, logger } = world;
  const since = new Date(clock.now()).toISOString();
  for (const address of action.addresses)
    await objects.writeAddressStatus(address, { state: "Releasing", since });
  view.touch(action.eniId, clock.monotonic());
  try {
    await cloud.unassign(action.eniId, action.addresses);
    subnets.gaveBack(objects.enis.get(action.eniId)?.spec.subnetID ?? "");
    logger.info({ eni: action.eniId, addresses: action.addresses }, "releasing addresses");
  } catch (error) {
    // Done already: the next reading shows which.
    if (!(error instanceof CloudError && error.class === "done-already")) throw error;
  } finally {
    view.unassigned(action.eniId, action.addresses, clock.monotonic());
  }
}

/** Asks the agent for an address that is not in use: it refuses at once if a pod has taken it meanwhile. */
async function askBack(world: NodeWorld, address: string): Promise<void> {
  const vip = world.objects.addresses.get(address);
  if (vip === undefined || vip.spec.reclaim !== undefined) return;
  await world.objects.writeAddress(address, { ...vip.spec, reclaim: { token: world.nonce(), mode: "now" } });
}

async function removeEni(world: NodeWorld, eniId: string): Promise<void> {
  const veni = world.objects.enis.get(eniId);
  if (veni === undefined) return;
  await world.objects.writeEni(eniId, { ...veni.spec, intent: "Released" });
  await releaseEni(world, veni);
}

async function askEniBack(world: NodeWorld, eniId: string): Promise<void> {
  const veni = world.objects.enis.get(eniId);
  if (veni !== undefined) await askForEni(world, veni, "now");
}
