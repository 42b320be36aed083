import { z } from "zod";
import { CloudError } from "../vpc/cloud-error.ts";
import { findEni, findInstance } from "../vpc/find.ts";
import type { Call } from "./action.ts";
import { readParameters } from "./parameters.ts";

const parameters = z.strictObject({ InstanceId: z.string() });

/** DescribeNetworkInterfaceLimit, of a machine or of the machine that a network interface is attached to. */
export function describeNetworkInterfaceLimit({ simulator }: Call, body: unknown): object {
  const { InstanceId } = readParameters(parameters, body);
  const { type } = findInstance(simulator.state, machineOf(simulator, InstanceId));
  return {
    EniQuantity: type.eniQuota,
    EniPrivateIpAddressQuantity: type.addressesPerEni,
    ExtendEniQuantity: 0,
    ExtendEniPrivateIpAddressQuantity: 0,
    SubEniQuantity: 0,
    SubEniPrivateIpAddressQuantity: 0,
  };
}

function machineOf(simulator: Call["simulator"], id: string): string {
  if (!id.startsWith("eni-")) {
    return id;
  }
  const { attachment } = findEni(simulator.state, id);
  if (attachment === undefined) {
    throw new CloudError("ResourceNotFound", `The network interface ${id} is attached to no machine.`);
  }
  return attachment.instanceId;
}
