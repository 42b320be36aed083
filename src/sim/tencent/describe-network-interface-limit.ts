import { z } from "zod";
import { CloudError } from "../vpc/cloud-error.ts";
import { findEni, findInstance } from "../vpc/find.ts";
import type { CloudState } from "../vpc/state.ts";
import type { Call } from "./action.ts";
import { readParameters } from "./parameters.ts";

const parameters = z.strictObject({ InstanceId: z.string() });

/** DescribeNetworkInterfaceLimit, of a machine or of the machine that a network interface is attached to. */
export async function describeNetworkInterfaceLimit(call: Call, body: unknown): Promise<object> {
  const { InstanceId } = readParameters(parameters, body);
  const { type } = await call.look((state) => findInstance(state, machineOf(state, InstanceId)));
  return {
    EniQuantity: type.eniQuota,
    EniPrivateIpAddressQuantity: type.addressesPerEni,
    ExtendEniQuantity: 0,
    ExtendEniPrivateIpAddressQuantity: 0,
    SubEniQuantity: 0,
    SubEniPrivateIpAddressQuantity: 0,
  };
}

function machineOf(state: CloudState, id: string): string {
  if (!id.startsWith("eni-")) {
    return id;
  }
  const { attachment } = findEni(state, id);
  if (attachment === undefined) {
    throw new CloudError("ResourceNotFound", `The network interface ${id} is attached to no machine.`);
  }
  return attachment.instanceId;
}
