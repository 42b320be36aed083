import { CloudError } from "../cloud/cloud-error.ts";
import type { CloudVpc } from "../cloud/cloud-vpc.ts";

/** What stands between a decision and a call that changes the cloud. */
export interface Fence {
  /** Whether this process leads, and will for that many milliseconds whatever happens. */
  outlives(ms: number): boolean;
}

/**
 * A VPC whose mutating calls are refused unless the lease outlives the call's timeout: a leader that was paused does not act on
 * what it knew before. Reading is always allowed.
 */
export function fencedVpc(vpc: CloudVpc, fence: Fence, timeoutMs: number): CloudVpc {
  function guard<Args extends unknown[], Answer>(
    action: string,
    call: (...args: Args) => Promise<Answer>,
  ): (...args: Args) => Promise<Answer> {
    return async (...args) => {
      if (!fence.outlives(timeoutMs)) {
        throw new CloudError({
          class: "retry-later",
          action,
          code: "NotLeader",
          message: `not sent: the lease of this process may end within the ${timeoutMs} ms that the call may take`,
          requestId: "",
        });
      }
      return call(...args);
    };
  }
  return {
    instancesById: (ids) => vpc.instancesById(ids),
    instanceByAddress: (vpcId, address) => vpc.instanceByAddress(vpcId, address),
    subnets: (ids) => vpc.subnets(ids),
    interfaceLimit: (instanceId) => vpc.interfaceLimit(instanceId),
    interfacesById: (ids) => vpc.interfacesById(ids),
    interfacesByTag: (tag, paced) => vpc.interfacesByTag(tag, paced),
    vpcEniLimit: () => vpc.vpcEniLimit(),
    createAndAttach: guard("CreateAndAttachNetworkInterface", (request) => vpc.createAndAttach(request)),
    create: guard("CreateNetworkInterface", (request) => vpc.create(request)),
    attach: guard("AttachNetworkInterface", (eniId, instanceId) => vpc.attach(eniId, instanceId)),
    detach: guard("DetachNetworkInterface", (eniId, instanceId) => vpc.detach(eniId, instanceId)),
    remove: guard("DeleteNetworkInterface", (eniId) => vpc.remove(eniId)),
    assign: guard("AssignPrivateIpAddresses", (eniId, count) => vpc.assign(eniId, count)),
    assignAddresses: guard("AssignPrivateIpAddresses", (eniId, addresses) =>
      vpc.assignAddresses(eniId, addresses),
    ),
    migrate: guard("MigratePrivateIpAddress", (address, move) => vpc.migrate(address, move)),
    unassign: guard("UnassignPrivateIpAddresses", (eniId, addresses) => vpc.unassign(eniId, addresses)),
    retag: guard("ModifyResourceTags", (eniId, tags) => vpc.retag(eniId, tags)),
  };
}
