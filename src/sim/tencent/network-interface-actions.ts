import { z } from "zod";
import { assignPrivateAddresses } from "../vpc/assign-private-addresses.ts";
import { attachNetworkInterface } from "../vpc/attach-network-interface.ts";
import { once } from "../vpc/client-token.ts";
import { CloudError } from "../vpc/cloud-error.ts";
import { createAndAttachNetworkInterface } from "../vpc/create-and-attach-network-interface.ts";
import { type AddressWish, createNetworkInterface, type EniWish } from "../vpc/create-network-interface.ts";
import { deleteNetworkInterface } from "../vpc/delete-network-interface.ts";
import { detachNetworkInterface } from "../vpc/detach-network-interface.ts";
import { migratePrivateAddress } from "../vpc/migrate-private-address.ts";
import type { CloudState, Occasion, Step } from "../vpc/state.ts";
import { findTask } from "../vpc/task.ts";
import { unassignPrivateAddresses } from "../vpc/unassign-private-addresses.ts";
import type { Call } from "./action.ts";
import { readParameters } from "./parameters.ts";
import { renderAddress, renderEni } from "./render.ts";

const addressSchema = z.strictObject({
  PrivateIpAddress: z.string(),
  Primary: z.boolean().optional(),
  Description: z.string().optional(),
  // What Describe shows of an address may be handed back.
  PublicIpAddress: z.string().optional(),
  AddressId: z.string().optional(),
  IsWanIpBlocked: z.boolean().optional(),
  State: z.string().optional(),
  QosLevel: z.string().optional(),
});

/** The one level of service that there is here. */
const qosLevel = z.literal("DEFAULT").optional();

/** Standard network interfaces only: instance types here have no quota for extended ones. */
const attachType = z.literal(0).optional();

/** Makes a request that is repeated with it harmless. */
const clientToken = z.string().min(1).max(64).optional();

const eniFields = {
  VpcId: z.string(),
  SubnetId: z.string(),
  NetworkInterfaceName: z.string().max(60),
  NetworkInterfaceDescription: z.string().max(60).default(""),
  SecondaryPrivateIpAddressCount: z.int().min(0).default(0),
  PrivateIpAddresses: z.array(addressSchema).default([]),
  SecurityGroupIds: z.array(z.string()).default([]),
  Tags: z.array(z.strictObject({ Key: z.string().min(1), Value: z.string().default("") })).default([]),
  QosLevel: qosLevel,
  IsRdma: z.literal(false).optional(),
  ClientToken: clientToken,
};

const createSchema = z.strictObject({ ...eniFields, TrunkingFlag: z.literal("Disable").optional() });
const createAndAttachSchema = z.strictObject({
  ...eniFields,
  InstanceId: z.string(),
  AttachType: attachType,
});
const attachSchema = z.strictObject({
  NetworkInterfaceId: z.string(),
  InstanceId: z.string(),
  AttachType: attachType,
  ClientToken: clientToken,
});
const detachSchema = z.strictObject({
  NetworkInterfaceId: z.string(),
  InstanceId: z.string(),
  ClientToken: clientToken,
});
const deleteSchema = z.strictObject({ NetworkInterfaceId: z.string() });
const assignSchema = z.strictObject({
  NetworkInterfaceId: z.string(),
  PrivateIpAddresses: z.array(addressSchema).default([]),
  SecondaryPrivateIpAddressCount: z.int().min(1).optional(),
  QosLevel: qosLevel,
  ClientToken: clientToken,
});
const unassignSchema = z.strictObject({
  NetworkInterfaceId: z.string(),
  PrivateIpAddresses: z.array(addressSchema).min(1),
});
const migrateSchema = z.strictObject({
  SourceNetworkInterfaceId: z.string(),
  DestinationNetworkInterfaceId: z.string(),
  PrivateIpAddress: z.string(),
});
const taskSchema = z.strictObject({ TaskId: z.string() });

/** CreateNetworkInterface. */
export async function createNetworkInterfaceAction(call: Call, body: unknown): Promise<object> {
  const parameters = readParameters(createSchema, body);
  const eni = await run(call, parameters.ClientToken, (state, occasion) =>
    createNetworkInterface(state, eniWish(parameters), occasion),
  );
  return { NetworkInterface: renderEni(eni) };
}

/** CreateAndAttachNetworkInterface. */
export async function createAndAttachNetworkInterfaceAction(call: Call, body: unknown): Promise<object> {
  const parameters = readParameters(createAndAttachSchema, body);
  const request = { ...eniWish(parameters), instanceId: parameters.InstanceId };
  const eni = await run(call, parameters.ClientToken, (state, occasion) =>
    createAndAttachNetworkInterface(state, request, occasion),
  );
  return { NetworkInterface: renderEni(eni) };
}

/** AttachNetworkInterface. */
export async function attachNetworkInterfaceAction(call: Call, body: unknown): Promise<object> {
  const parameters = readParameters(attachSchema, body);
  const request = { eniId: parameters.NetworkInterfaceId, instanceId: parameters.InstanceId };
  await run(call, parameters.ClientToken, (state, occasion) =>
    attachNetworkInterface(state, request, occasion),
  );
  return {};
}

/** DetachNetworkInterface. */
export async function detachNetworkInterfaceAction(call: Call, body: unknown): Promise<object> {
  const parameters = readParameters(detachSchema, body);
  const request = { eniId: parameters.NetworkInterfaceId, instanceId: parameters.InstanceId };
  await run(call, parameters.ClientToken, (state, occasion) =>
    detachNetworkInterface(state, request, occasion),
  );
  return {};
}

/** DeleteNetworkInterface. */
export async function deleteNetworkInterfaceAction(call: Call, body: unknown): Promise<object> {
  const { NetworkInterfaceId: eniId } = readParameters(deleteSchema, body);
  await run(call, undefined, (state, occasion) => deleteNetworkInterface(state, { eniId }, occasion));
  return {};
}

/** AssignPrivateIpAddresses. */
export async function assignPrivateIpAddressesAction(call: Call, body: unknown): Promise<object> {
  const parameters = readParameters(assignSchema, body);
  const addresses = parameters.PrivateIpAddresses.map(addressWish);
  const count = parameters.SecondaryPrivateIpAddressCount ?? 0;
  if (addresses.length + count === 0) {
    throw new CloudError(
      "MissingParameter",
      "The request is missing a required parameter `PrivateIpAddresses` or `SecondaryPrivateIpAddressCount`.",
    );
  }
  const request = { eniId: parameters.NetworkInterfaceId, addresses, count };
  const assigned = await run(call, parameters.ClientToken, (state, occasion) =>
    assignPrivateAddresses(state, request, occasion),
  );
  return { PrivateIpAddressSet: assigned.map(renderAddress) };
}

/** UnassignPrivateIpAddresses. */
export async function unassignPrivateIpAddressesAction(call: Call, body: unknown): Promise<object> {
  const parameters = readParameters(unassignSchema, body);
  const request = {
    eniId: parameters.NetworkInterfaceId,
    addresses: parameters.PrivateIpAddresses.map((it) => it.PrivateIpAddress),
  };
  await run(call, undefined, (state, occasion) => unassignPrivateAddresses(state, request, occasion));
  return {};
}

/** MigratePrivateIpAddress. */
export async function migratePrivateIpAddressAction(call: Call, body: unknown): Promise<object> {
  const parameters = readParameters(migrateSchema, body);
  const request = {
    address: parameters.PrivateIpAddress,
    from: parameters.SourceNetworkInterfaceId,
    to: parameters.DestinationNetworkInterfaceId,
  };
  await run(call, undefined, (state, occasion) => migratePrivateAddress(state, request, occasion));
  return {};
}

/** DescribeVpcTaskResult. */
export async function describeVpcTaskResult(call: Call, body: unknown): Promise<object> {
  const { TaskId } = readParameters(taskSchema, body);
  const task = await call.look((state) => findTask(state, TaskId));
  const result = { ResourceId: task.eniId, Status: task.status };
  return { Status: task.status, Output: task.output, Result: task.status === "RUNNING" ? [] : [result] };
}

function run<Answer>(
  call: Call,
  token: string | undefined,
  act: (state: CloudState, occasion: Occasion) => Step<Answer>,
): Promise<Answer> {
  return call.run((state, occasion) =>
    once(state, { action: call.action, token, now: occasion.now }, () => act(state, occasion)),
  );
}

function eniWish(parameters: z.infer<typeof createSchema> | z.infer<typeof createAndAttachSchema>): EniWish {
  return {
    vpcId: parameters.VpcId,
    subnetId: parameters.SubnetId,
    name: parameters.NetworkInterfaceName,
    description: parameters.NetworkInterfaceDescription,
    addresses: parameters.PrivateIpAddresses.map(addressWish),
    secondaryCount: parameters.SecondaryPrivateIpAddressCount,
    groups: parameters.SecurityGroupIds,
    tags: parameters.Tags.map((tag) => ({ key: tag.Key, value: tag.Value })),
  };
}

function addressWish(it: z.infer<typeof addressSchema>): AddressWish {
  return { address: it.PrivateIpAddress, primary: it.Primary ?? false, description: it.Description ?? "" };
}
