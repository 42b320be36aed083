import type { NodeENIConfigStatus } from "../../api/node-eni-config.ts";
import type { NodeSettings } from "./node-settings.ts";

/**
 * What was in force for a node when a former leader last said so: what a wrong value found at the first reading leaves in force.
 *
 * @returns undefined when nobody has said so yet
 */
export function publishedSettings(status: NodeENIConfigStatus | undefined): NodeSettings | undefined {
  if (status?.warm === undefined || status.limit === undefined) return undefined;
  const { warm, limit, disabled, subnetIDs: subnetIds } = status;
  return {
    warm,
    maxEnis: limit.enis,
    maxAddressesPerEni: limit.addressesPerENI,
    maxAddresses: limit.addresses,
    disabled: disabled ?? false,
    ...(subnetIds !== undefined && { subnetIds }),
    accepted: {
      warm,
      maxEnis: limit.enis,
      maxAddressesPerEni: limit.addressesPerENI,
      maxAddresses: limit.addresses,
      ...(disabled !== undefined && { disabled }),
      ...(subnetIds !== undefined && { subnetIds }),
    },
  };
}
