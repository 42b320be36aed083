import type { Fault, FaultWish } from "../admission/fault.ts";
import type { Drops } from "../fabric/fabric.ts";
import type { CloudControl } from "./cloud-control.ts";
import type {
  AddressesAnswer,
  AddressesRequest,
  CallsAnswer,
  EniAnswer,
  EniRequest,
  ErrorAnswer,
  InstanceAnswer,
  InstanceRequest,
  QuotaRequest,
  Secret,
  Settings,
  SettingsChange,
  StateAnswer,
  TagsRequest,
  TaskAnswer,
} from "./messages.ts";

/** What CloudControl can do, of whatever place. */
type Control = { [Name in keyof CloudControl]: CloudControl[Name] };

/** How long an answer may take, in milliseconds. */
const timeout = 10_000;

/** The control API of a vpc-sim refused a request, or did not understand it. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Talks to the control API of a vpc-sim: CloudControl from elsewhere. Every call rejects with ControlError where it is refused. */
export class ControlClient implements Control {
  readonly #baseUrl: string;

  /** @param baseUrl such as `http://169.254.240.2:9440` */
  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl.replace(/\/$/, "");
  }

  /** Whether vpc-sim answers. */
  async isHealthy(): Promise<boolean> {
    try {
      const response = await fetch(`${this.#baseUrl}/healthz`, { signal: AbortSignal.timeout(timeout) });
      await response.text();
      return response.ok;
    } catch {
      return false;
    }
  }

  /** Starts a machine; its primary link is in its namespace when the promise resolves, down and without an address. */
  addInstance(request: InstanceRequest): Promise<InstanceAnswer> {
    return this.#json("POST", "/v1/instances", request);
  }

  /** Terminates a machine. Its network interfaces but the primary one stay in the cloud. */
  async removeInstance(instanceId: string): Promise<void> {
    await this.#call("DELETE", path`/v1/instances/${instanceId}`);
  }

  /** Cuts a machine's power. */
  async stopInstance(instanceId: string): Promise<void> {
    await this.#call("POST", path`/v1/instances/${instanceId}/stop`);
  }

  /** Gives a machine its power back. */
  async startInstance(instanceId: string): Promise<void> {
    await this.#call("POST", path`/v1/instances/${instanceId}/start`);
  }

  /** Makes a machine one of another type, with that type's quota. */
  async resizeInstance(instanceId: string, instanceType: string): Promise<void> {
    await this.#call("POST", path`/v1/instances/${instanceId}/resize`, { instanceType });
  }

  /** Gives one machine another quota, whatever its type. */
  async changeQuota(instanceId: string, request: QuotaRequest): Promise<void> {
    await this.#call("POST", path`/v1/instances/${instanceId}/quota`, request);
  }

  /** Makes a network interface, as somebody does who is not under test. */
  createEni(request: EniRequest): Promise<EniAnswer> {
    return this.#json("POST", "/v1/enis", request);
  }

  /** Attaches a network interface. As all that is done in the console, it is a task, and done when the latency has passed. */
  async attachEni(eniId: string, instanceId: string): Promise<void> {
    await this.#call("POST", path`/v1/enis/${eniId}/attach`, { instanceId });
  }

  /** Detaches a network interface from whatever machine has it. */
  async detachEni(eniId: string): Promise<void> {
    await this.#call("POST", path`/v1/enis/${eniId}/detach`);
  }

  /** Deletes a network interface that is detached. */
  async deleteEni(eniId: string): Promise<void> {
    await this.#call("DELETE", path`/v1/enis/${eniId}`);
  }

  /** Assigns addresses to a network interface. */
  assignAddresses(eniId: string, request: AddressesRequest): Promise<AddressesAnswer> {
    return this.#json("POST", path`/v1/enis/${eniId}/assign`, request);
  }

  /** Takes addresses off a network interface. */
  async unassignAddresses(eniId: string, addresses: readonly string[]): Promise<void> {
    await this.#call("POST", path`/v1/enis/${eniId}/unassign`, { addresses });
  }

  /** Changes the tags of a network interface, at once. */
  async changeTags(eniId: string, request: TagsRequest): Promise<void> {
    await this.#call("PATCH", path`/v1/enis/${eniId}/tags`, request);
  }

  /** Has an outsider take addresses of a subnet, at once. */
  takeAddresses(subnetId: string, request: AddressesRequest): Promise<AddressesAnswer> {
    return this.#json("POST", path`/v1/subnets/${subnetId}/take`, request);
  }

  /** Has outsiders give addresses of a subnet back, at once. */
  giveBackAddresses(subnetId: string, request: AddressesRequest): Promise<AddressesAnswer> {
    return this.#json("POST", path`/v1/subnets/${subnetId}/give-back`, request);
  }

  /** Puts a fault in force, after those that are. */
  addFault(wish: FaultWish): Promise<{ readonly id: string }> {
    return this.#json("POST", "/v1/faults", wish);
  }

  /** The faults that can still strike. */
  readFaults(): Promise<readonly Fault[]> {
    return this.#json("GET", "/v1/faults");
  }

  /** Ends a fault; one that is over already is no error. */
  async removeFault(id: string): Promise<void> {
    await this.#call("DELETE", path`/v1/faults/${id}`);
  }

  /** Ends all faults. Tasks that they stall go on stalling. */
  async clearFaults(): Promise<void> {
    await this.#call("DELETE", "/v1/faults");
  }

  /** The tasks that are running. */
  readTasks(): Promise<readonly TaskAnswer[]> {
    return this.#json("GET", "/v1/tasks");
  }

  /** Has a task end now. */
  async releaseTask(taskId: string): Promise<void> {
    await this.#call("POST", path`/v1/tasks/${taskId}/release`);
  }

  /** Has all tasks end now that would not end by themselves. */
  async releaseStalledTasks(): Promise<void> {
    await this.#call("POST", "/v1/tasks/release");
  }

  readSettings(): Promise<Settings> {
    return this.#json("GET", "/v1/settings");
  }

  /** Sets what can be set while the cloud runs. */
  async changeSettings(change: SettingsChange): Promise<void> {
    await this.#call("PATCH", "/v1/settings", change);
  }

  /** Lets somebody call the API, or with another key than before. */
  async putCredential(secretId: string, secret: Secret): Promise<void> {
    await this.#call("PUT", path`/v1/credentials/${secretId}`, secret);
  }

  /** Lets somebody call the API no more. */
  async removeCredential(secretId: string): Promise<void> {
    await this.#call("DELETE", path`/v1/credentials/${secretId}`);
  }

  /** Takes actions out of a caller's policy: these, and no others that were taken out before. */
  async denyActions(secretId: string, actions: readonly string[]): Promise<void> {
    await this.#call("PUT", path`/v1/credentials/${secretId}/denied`, { actions });
  }

  readState(): Promise<StateAnswer> {
    return this.#json("GET", "/v1/state");
  }

  /** What the cloud was asked since the start or the last reset, by action. */
  readCalls(): Promise<CallsAnswer> {
    return this.#json("GET", "/v1/calls");
  }

  /** The same by product. */
  readProductCalls(): Promise<CallsAnswer> {
    return this.#json("GET", "/v1/calls/products");
  }

  async resetCalls(): Promise<void> {
    await this.#call("DELETE", "/v1/calls");
  }

  /** What the network dropped because its source was spoofed. */
  readDrops(): Promise<Drops> {
    return this.#json("GET", "/v1/drops");
  }

  async #json<T>(method: string, path: string, body?: object): Promise<T> {
    return JSON.parse(await this.#call(method, path, body));
  }

  async #call(method: string, path: string, body?: object): Promise<string> {
    const response = await fetch(this.#baseUrl + path, {
      method,
      signal: AbortSignal.timeout(timeout),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) {
      throw refusal(text, { method, path, status: response.status });
    }
    return text;
  }
}

function refusal(text: string, request: { method: string; path: string; status: number }): ControlError {
  const { method, path, status } = request;
  try {
    const { code, message } = JSON.parse(text) as ErrorAnswer;
    return new ControlError(code, `${method} ${path}: ${message}`);
  } catch {
    return new ControlError("InternalError", `${method} ${path} was answered with status ${status}: ${text}`);
  }
}

function path(parts: TemplateStringsArray, ...ids: readonly string[]): string {
  return String.raw(parts, ...ids.map(encodeURIComponent));
}
