import type { z } from "zod";
import { isInForce } from "../admission/admit.ts";
import { type Fault, type FaultWish, faultWishSchema } from "../admission/fault.ts";
import type { Gate } from "../admission/gate.ts";
import type { CallCounter } from "../call-counter.ts";
import type { Drops, Fabric } from "../fabric/fabric.ts";
import type { Simulator } from "../simulator.ts";
import { addInstance } from "../vpc/add-instance.ts";
import { assignPrivateAddresses } from "../vpc/assign-private-addresses.ts";
import { attachNetworkInterface } from "../vpc/attach-network-interface.ts";
import { changeQuota, changeVpcQuota, resizeInstance } from "../vpc/change-quota.ts";
import { CloudError } from "../vpc/cloud-error.ts";
import { createAndAttachNetworkInterface } from "../vpc/create-and-attach-network-interface.ts";
import { createNetworkInterface } from "../vpc/create-network-interface.ts";
import { deleteNetworkInterface } from "../vpc/delete-network-interface.ts";
import { detachNetworkInterface } from "../vpc/detach-network-interface.ts";
import { findEni, findSubnet } from "../vpc/find.ts";
import { giveBackFromOutsider, takeForOutsider } from "../vpc/outsider.ts";
import { startInstance, stopInstance } from "../vpc/power-instance.ts";
import { releaseStalledTasks, releaseTask } from "../vpc/release-task.ts";
import { removeInstance } from "../vpc/remove-instance.ts";
import type { CloudState, Occasion, Step } from "../vpc/state.ts";
import { gatewayOf } from "../vpc/subnet-addresses.ts";
import { tagNetworkInterface } from "../vpc/tag-network-interface.ts";
import { unassignPrivateAddresses } from "../vpc/unassign-private-addresses.ts";
import {
  type AddressesAnswer,
  type AddressesRequest,
  addressesRequestSchema,
  attachRequestSchema,
  type CallsAnswer,
  deniedSchema,
  type EniAnswer,
  type EniRequest,
  eniRequestSchema,
  type InstanceAnswer,
  type InstanceRequest,
  instanceRequestSchema,
  type QuotaRequest,
  quotaRequestSchema,
  resizeRequestSchema,
  type Secret,
  type Settings,
  type SettingsChange,
  type StateAnswer,
  secretSchema,
  settingsSchema,
  type TagsRequest,
  type TaskAnswer,
  tagsRequestSchema,
  unassignRequestSchema,
} from "./messages.ts";
import { renderState } from "./render-state.ts";

/** As the schema has it. Where it is not, the error names the value at fault. */
function read<S extends z.ZodType>(schema: S, request: unknown): z.output<S> {
  return schema.parse(request, { reportInput: true });
}

/**
 * What people and tests may do behind the cloud's back, in the process that has the cloud; `ControlClient` does the same from
 * elsewhere. Requests are checked here: whatever brought them may be of any form.
 *
 * Every method rejects with CloudError where the cloud refuses, and with ZodError where a request is not of its form.
 */
export class CloudControl {
  readonly #simulator: Simulator;
  readonly #gate: Gate;
  readonly #fabric: Fabric;
  readonly #calls: CallCounter;
  #acts = 0;
  #asymmetricOutside: boolean;

  constructor(options: {
    simulator: Simulator;
    gate: Gate;
    fabric: Fabric;
    calls: CallCounter;
    /** How the fabric is at first. */
    asymmetricOutside: boolean;
  }) {
    this.#simulator = options.simulator;
    this.#gate = options.gate;
    this.#fabric = options.fabric;
    this.#calls = options.calls;
    this.#asymmetricOutside = options.asymmetricOutside;
  }

  /** Starts a machine; its primary link is in its namespace when the promise resolves, down and without an address. */
  async addInstance(request: InstanceRequest): Promise<InstanceAnswer> {
    const { privateIp, netns, device, ...rest } = read(instanceRequestSchema, request);
    const host = netns === undefined ? {} : { host: { netns, device } };
    const wish = { ...rest, privateAddress: privateIp, ...host };
    const { instance, eni } = await this.#simulator.runOrUndo((state, now) =>
      addInstance(state, wish, { now }),
    );
    const subnet = findSubnet(this.#simulator.state, instance.subnetId);
    return {
      mac: eni.mac,
      gateway: gatewayOf(subnet),
      prefixLength: subnet.block.prefixLength,
      primaryEniId: eni.eniId,
    };
  }

  /** Terminates a machine. Its network interfaces but the primary one stay in the cloud. */
  async removeInstance(instanceId: string): Promise<void> {
    await this.#run((state, { now }) => removeInstance(state, instanceId, { now }));
  }

  /** Cuts a machine's power. */
  async stopInstance(instanceId: string): Promise<void> {
    await this.#run((state) => stopInstance(state, instanceId));
  }

  /** Gives a machine its power back. */
  async startInstance(instanceId: string): Promise<void> {
    await this.#simulator.runOrUndo((state) => startInstance(state, instanceId));
  }

  /** Makes a machine one of another type, with that type's quota. */
  async resizeInstance(instanceId: string, instanceType: string): Promise<void> {
    const request = read(resizeRequestSchema, { instanceType });
    await this.#run((state) => resizeInstance(state, { instanceId, ...request }));
  }

  /** Gives one machine another quota, whatever its type. */
  async changeQuota(instanceId: string, request: QuotaRequest): Promise<void> {
    const quota = read(quotaRequestSchema, request);
    await this.#run((state) => changeQuota(state, { instanceId, ...quota }));
  }

  /** Makes a network interface, as somebody does who is not under test. */
  async createEni(request: EniRequest): Promise<EniAnswer> {
    const { subnetId, instanceId, name, secondaryCount, tags } = read(eniRequestSchema, request);
    const eni = await this.#run((state, occasion) => {
      const wish = {
        vpcId: findSubnet(state, subnetId).vpcId,
        subnetId,
        name,
        description: "",
        addresses: [],
        secondaryCount,
        groups: [],
        tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
      };
      return instanceId === undefined
        ? createNetworkInterface(state, wish, occasion)
        : createAndAttachNetworkInterface(state, { ...wish, instanceId }, occasion);
    });
    return { eniId: eni.eniId, mac: eni.mac, addresses: eni.addresses.map((it) => it.address) };
  }

  /** Attaches a network interface. As all that is done in the console, it is a task, and done when the latency has passed. */
  async attachEni(eniId: string, instanceId: string): Promise<void> {
    const request = { eniId, ...read(attachRequestSchema, { instanceId }) };
    await this.#run((state, occasion) => attachNetworkInterface(state, request, occasion));
  }

  /** Detaches a network interface from whatever machine has it. */
  async detachEni(eniId: string): Promise<void> {
    await this.#run((state, occasion) => {
      const instanceId = findEni(state, eniId).attachment?.instanceId;
      if (instanceId === undefined) {
        throw new CloudError(
          "UnsupportedOperation.AttachmentNotFound",
          `The network interface ${eniId} is attached to no machine.`,
        );
      }
      return detachNetworkInterface(state, { eniId, instanceId }, occasion);
    });
  }

  /** Deletes a network interface that is detached. */
  async deleteEni(eniId: string): Promise<void> {
    await this.#run((state, occasion) => deleteNetworkInterface(state, { eniId }, occasion));
  }

  /** Assigns addresses to a network interface. */
  async assignAddresses(eniId: string, request: AddressesRequest): Promise<AddressesAnswer> {
    const { addresses, count } = read(addressesRequestSchema, request);
    const wishes = addresses.map((address) => ({ address }));
    const assigned = await this.#run((state, occasion) =>
      assignPrivateAddresses(state, { eniId, addresses: wishes, count }, occasion),
    );
    return { addresses: assigned.map((it) => it.address) };
  }

  /** Takes addresses off a network interface. */
  async unassignAddresses(eniId: string, addresses: readonly string[]): Promise<void> {
    const request = { eniId, ...read(unassignRequestSchema, { addresses }) };
    await this.#run((state, occasion) => unassignPrivateAddresses(state, request, occasion));
  }

  /** Changes the tags of a network interface, at once. */
  async changeTags(eniId: string, request: TagsRequest): Promise<void> {
    const { set, remove } = read(tagsRequestSchema, request);
    const replace = Object.entries(set).map(([key, value]) => ({ key, value }));
    await this.#run((state) => tagNetworkInterface(state, { eniId, replace, remove }));
  }

  /** Has an outsider take addresses of a subnet, at once. */
  async takeAddresses(subnetId: string, request: AddressesRequest): Promise<AddressesAnswer> {
    const wish = { subnetId, ...read(addressesRequestSchema, request) };
    return { addresses: await this.#run((state) => takeForOutsider(state, wish)) };
  }

  /** Has outsiders give addresses of a subnet back, at once. */
  async giveBackAddresses(subnetId: string, request: AddressesRequest): Promise<AddressesAnswer> {
    const wish = { subnetId, ...read(addressesRequestSchema, request) };
    return { addresses: await this.#run((state) => giveBackFromOutsider(state, wish)) };
  }

  /** Puts a fault in force, after those that are. */
  async addFault(wish: FaultWish): Promise<{ readonly id: string }> {
    const { calls, forMs, ...rest } = read(faultWishSchema, wish);
    if (rest.effect.kind === "takeAddresses") {
      findSubnet(this.#simulator.state, rest.effect.subnetId);
    }
    const now = this.#simulator.now();
    const id = `fault-${this.#gate.state.faultsMade + 1}`;
    const fault: Fault = {
      id,
      struck: 0,
      ...rest,
      ...(calls === undefined ? {} : { left: calls }),
      ...(forMs === undefined ? {} : { until: now + forMs }),
    };
    this.#gate.change((state) => ({
      ...state,
      faults: [...state.faults.filter((it) => isInForce(it, now)), fault],
      faultsMade: state.faultsMade + 1,
    }));
    return { id };
  }

  /** The faults that can still strike. */
  async readFaults(): Promise<readonly Fault[]> {
    return this.#gate.state.faults.filter((it) => isInForce(it, this.#simulator.now()));
  }

  /** Ends a fault; one that is over already is no error. */
  async removeFault(id: string): Promise<void> {
    this.#gate.change((state) => ({ ...state, faults: state.faults.filter((it) => it.id !== id) }));
  }

  /** Ends all faults. Tasks that they stall go on stalling. */
  async clearFaults(): Promise<void> {
    this.#gate.change((state) => ({ ...state, faults: [] }));
  }

  /** The tasks that are running. */
  async readTasks(): Promise<readonly TaskAnswer[]> {
    return [...this.#simulator.state.jobs.values()].map(({ taskId, eniId, work, due }) => ({
      taskId,
      eniId,
      kind: work.kind,
      due: Number.isFinite(due) ? due : null,
    }));
  }

  /** Has a task end now. */
  async releaseTask(taskId: string): Promise<void> {
    await this.#run((state, occasion) => releaseTask(state, taskId, occasion));
  }

  /** Has all tasks end now that would not end by themselves. */
  async releaseStalledTasks(): Promise<void> {
    await this.#run(releaseStalledTasks);
  }

  async readSettings(): Promise<Settings> {
    const { rateLimits, describeLag, clockSkewMs } = this.#gate.state;
    const { vpcMaxEnis } = this.#simulator.state;
    return { rateLimits, describeLag, clockSkewMs, vpcMaxEnis, asymmetricOutside: this.#asymmetricOutside };
  }

  /** Sets what can be set while the cloud runs. */
  async changeSettings(change: SettingsChange): Promise<void> {
    const { vpcMaxEnis, asymmetricOutside, ...changes } = read(settingsSchema, change);
    this.#gate.change((state) => ({
      ...state,
      rateLimits: changes.rateLimits ?? state.rateLimits,
      describeLag: changes.describeLag ?? state.describeLag,
      clockSkewMs: changes.clockSkewMs ?? state.clockSkewMs,
    }));
    this.#simulator.keepHistory(this.#gate.state.describeLag.ms);
    if (vpcMaxEnis !== undefined) {
      await this.#run((state) => changeVpcQuota(state, vpcMaxEnis));
    }
    if (asymmetricOutside !== undefined) {
      await this.#fabric.setAsymmetricOutside(asymmetricOutside);
      this.#asymmetricOutside = asymmetricOutside;
    }
  }

  /** Lets somebody call the API, or with another key than before. */
  async putCredential(secretId: string, secret: Secret): Promise<void> {
    const credential = { secretId, ...read(secretSchema, secret) };
    this.#gate.change((state) => ({
      ...state,
      credentials: new Map(state.credentials).set(secretId, credential),
    }));
  }

  /** Lets somebody call the API no more. */
  async removeCredential(secretId: string): Promise<void> {
    this.#gate.change((state) => {
      const credentials = new Map(state.credentials);
      credentials.delete(secretId);
      return { ...state, credentials };
    });
  }

  /** Takes actions out of a caller's policy: these, and no others that were taken out before. */
  async denyActions(secretId: string, actions: readonly string[]): Promise<void> {
    const denied = new Set(read(deniedSchema, { actions }).actions);
    this.#gate.change((state) => ({ ...state, denied: new Map(state.denied).set(secretId, denied) }));
  }

  async readState(): Promise<StateAnswer> {
    return renderState(this.#simulator.state);
  }

  /** What the cloud was asked since the start or the last reset, by action. */
  async readCalls(): Promise<CallsAnswer> {
    return this.#calls.read();
  }

  /** The same by product. */
  async readProductCalls(): Promise<CallsAnswer> {
    return this.#calls.readProducts();
  }

  async resetCalls(): Promise<void> {
    this.#calls.reset();
  }

  /** What the network dropped because its source was spoofed. */
  readDrops(): Promise<Drops> {
    return this.#fabric.drops();
  }

  #run<Answer>(act: (state: CloudState, occasion: Occasion) => Step<Answer>): Promise<Answer> {
    this.#acts++;
    const requestId = `console-${this.#acts}`;
    return this.#simulator.run((state, now) => act(state, { now, requestId }));
  }
}
