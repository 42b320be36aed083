import type { Drops } from "../fabric/fabric.ts";
import type { CallsAnswer, ErrorAnswer, InstanceAnswer, InstanceRequest, StateAnswer } from "./messages.ts";

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

/** Talks to the control API of a vpc-sim. Every call rejects with ControlError where it is refused. */
export class ControlClient {
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
    await this.#call("DELETE", `/v1/instances/${encodeURIComponent(instanceId)}`);
  }

  /** Cuts a machine's power. */
  async stopInstance(instanceId: string): Promise<void> {
    await this.#call("POST", `/v1/instances/${encodeURIComponent(instanceId)}/stop`);
  }

  /** Gives a machine its power back. */
  async startInstance(instanceId: string): Promise<void> {
    await this.#call("POST", `/v1/instances/${encodeURIComponent(instanceId)}/start`);
  }

  readState(): Promise<StateAnswer> {
    return this.#json("GET", "/v1/state");
  }

  /** What the cloud was asked since the start or the last reset. */
  readCalls(): Promise<CallsAnswer> {
    return this.#json("GET", "/v1/calls");
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
