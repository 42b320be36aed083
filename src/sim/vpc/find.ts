import { CloudError } from "./cloud-error.ts";
import type { CloudState, Eni, Instance, Subnet, Vpc } from "./state.ts";

/**
 * The network interface of that id.
 *
 * @throws CloudError InvalidParameterValue.Malformed, ResourceNotFound
 */
export function findEni(state: CloudState, eniId: string): Eni {
  return find(state.enis, eniId, "eni");
}

/**
 * A network interface at which no job is running.
 *
 * @throws CloudError as findEni; UnsupportedOperation.MutexOperationTaskRunning
 */
export function findIdleEni(state: CloudState, eniId: string): Eni {
  const eni = findEni(state, eniId);
  const job = state.jobs.get(eniId) ?? state.jobs.get(state.receiving.get(eniId) ?? "");
  if (job !== undefined) {
    throw new CloudError(
      "UnsupportedOperation.MutexOperationTaskRunning",
      `The network interface ${eniId} is busy with the task ${job.taskId} (${job.work.kind}).`,
    );
  }
  return eni;
}

/**
 * The subnet of that id.
 *
 * @throws CloudError InvalidParameterValue.Malformed, ResourceNotFound
 */
export function findSubnet(state: CloudState, subnetId: string): Subnet {
  return find(state.subnets, subnetId, "subnet");
}

/**
 * The VPC of that id.
 *
 * @throws CloudError InvalidParameterValue.Malformed, ResourceNotFound
 */
export function findVpc(state: CloudState, vpcId: string): Vpc {
  return find(state.vpcs, vpcId, "vpc");
}

/**
 * The machine of that id.
 *
 * @throws CloudError InvalidParameterValue.Malformed, ResourceNotFound
 */
export function findInstance(state: CloudState, instanceId: string): Instance {
  return find(state.instances, instanceId, "ins");
}

/** The network interfaces that are attached to a machine, or about to be. */
export function enisOf(state: CloudState, instanceId: string): Eni[] {
  return (state.enisByInstance.get(instanceId) ?? []).flatMap((eniId) => state.enis.get(eniId) ?? []);
}

/**
 * A machine to which nothing is being attached, and from which nothing is being detached.
 *
 * @throws CloudError as findInstance; OperationDenied.MutexTaskRunning
 */
export function findIdleInstance(state: CloudState, instanceId: string): Instance {
  const instance = findInstance(state, instanceId);
  for (const { eniId } of enisOf(state, instanceId)) {
    const job = state.jobs.get(eniId);
    const kind = job?.work.kind;
    if (kind === "attach" || kind === "detach" || kind === "create") {
      throw new CloudError(
        "OperationDenied.MutexTaskRunning",
        `The machine ${instanceId} is busy with the task ${job?.taskId} (${kind} of ${eniId}).`,
      );
    }
  }
  return instance;
}

function find<T>(map: ReadonlyMap<string, T>, id: string, prefix: string): T {
  const found = map.get(id);
  if (found !== undefined) {
    return found;
  }
  if (!id.startsWith(`${prefix}-`)) {
    throw new CloudError(
      "InvalidParameterValue.Malformed",
      `The id "${id}" does not start with "${prefix}-".`,
    );
  }
  throw new CloudError("ResourceNotFound", `The resource ${id} does not exist.`);
}
