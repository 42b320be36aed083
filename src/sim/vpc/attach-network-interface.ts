import { CloudError } from "./cloud-error.ts";
import { enisOf, findIdleEni, findIdleInstance } from "./find.ts";
import type { CloudState, Eni, Instance, Occasion, Step } from "./state.ts";
import { latencyOf, startJob } from "./task.ts";

export interface AttachRequest {
  readonly eniId: string;
  readonly instanceId: string;
}

/**
 * AttachNetworkInterface: the interface is ATTACHING until the latency has passed. It shows its machine from the start,
 * as it counts against the machine's quota from the start.
 *
 * @throws CloudError as findIdleEni, findIdleInstance and checkAttachable;
 *   UnsupportedOperation.AttachmentAlreadyExists
 */
export function attachNetworkInterface(
  state: CloudState,
  request: AttachRequest,
  occasion: Occasion,
): Step<null> {
  const eni = findIdleEni(state, request.eniId);
  const instance = findIdleInstance(state, request.instanceId);
  if (eni.attachment !== undefined) {
    throw new CloudError(
      "UnsupportedOperation.AttachmentAlreadyExists",
      `The network interface ${eni.eniId} is attached to ${eni.attachment.instanceId}.`,
    );
  }
  checkAttachable(state, instance, { ...eni, addressCount: eni.addresses.length });
  const job = {
    taskId: occasion.requestId,
    eniId: eni.eniId,
    due: occasion.now + latencyOf(state, "AttachNetworkInterface"),
    work: { kind: "attach" as const, instanceId: instance.instanceId },
  };
  return {
    state: startJob(state, attaching(state, eni, { instance, now: occasion.now }), {
      job,
      fate: occasion.fate,
    }),
    answer: null,
    effects: [],
  };
}

/** The network interface on its way to the machine, as its next device. */
export function attaching(state: CloudState, eni: Eni, options: { instance: Instance; now: number }): Eni {
  const { instanceId } = options.instance;
  const used = new Set(enisOf(state, instanceId).map((it) => it.attachment?.deviceIndex));
  let deviceIndex = 1;
  while (used.has(deviceIndex)) {
    deviceIndex++;
  }
  return { ...eni, state: "ATTACHING", attachment: { instanceId, deviceIndex, attachedAt: options.now } };
}

/**
 * Refuses a network interface that the machine cannot have.
 *
 * @throws CloudError UnsupportedOperation.VpcMismatch, UnsupportedOperation.ZoneMismatch, LimitExceeded (of interfaces, or
 *   of addresses on one)
 */
export function checkAttachable(
  state: CloudState,
  instance: Instance,
  eni: { vpcId: string; zone: string; addressCount: number },
): void {
  if (eni.vpcId !== instance.vpcId) {
    throw new CloudError(
      "UnsupportedOperation.VpcMismatch",
      `The machine ${instance.instanceId} is in ${instance.vpcId}, the network interface in ${eni.vpcId}.`,
    );
  }
  if (eni.zone !== instance.zone) {
    throw new CloudError(
      "UnsupportedOperation.ZoneMismatch",
      `The machine ${instance.instanceId} is in ${instance.zone}, the network interface in ${eni.zone}.`,
    );
  }
  const { eniQuota, addressesPerEni } = instance.type;
  const attached = enisOf(state, instance.instanceId).length;
  if (attached >= eniQuota) {
    throw new CloudError(
      "LimitExceeded",
      `The machine ${instance.instanceId} (${instance.instanceType}) has ${attached} network interfaces; its quota is ${eniQuota}.`,
    );
  }
  if (eni.addressCount > addressesPerEni) {
    throw new CloudError(
      "LimitExceeded",
      `The network interface has ${eni.addressCount} addresses; on ${instance.instanceId} (${instance.instanceType}) one may have ${addressesPerEni}.`,
    );
  }
}
