import { z } from "zod";
import { CloudError } from "../vpc/cloud-error.ts";
import { detachedAddressQuota } from "../vpc/create-network-interface.ts";
import type { CloudState } from "../vpc/state.ts";
import type { Call } from "./action.ts";
import { readParameters } from "./parameters.ts";

const parameters = z.strictObject({ LimitTypes: z.array(z.string()).min(1).max(100) });

/** DescribeVpcLimits, of the limits that there are here. */
export async function describeVpcLimits(call: Call, body: unknown): Promise<object> {
  const { LimitTypes } = readParameters(parameters, body);
  return call.look((state) => ({
    VpcLimitSet: LimitTypes.map((LimitType) => ({ LimitType, LimitValue: limitOf(state, LimitType) })),
  }));
}

function limitOf(state: CloudState, type: string): number {
  switch (type) {
    case "vpc-max-enis":
      return state.vpcMaxEnis;
    case "eni-max-private-ips":
      return detachedAddressQuota;
    default:
      throw new CloudError(
        "InvalidParameterValue",
        `The limit "${type}" in \`LimitTypes\` is not known here: vpc-max-enis and eni-max-private-ips are.`,
      );
  }
}
