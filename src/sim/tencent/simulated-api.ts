import { cloudTime } from "../admission/admission-state.ts";
import { checkPolicy, countCall, strike } from "../admission/admit.ts";
import { type Caller, checkCaller } from "../admission/credential.ts";
import type { FaultEffect } from "../admission/fault.ts";
import type { Gate } from "../admission/gate.ts";
import type { CallCounter } from "../call-counter.ts";
import type { Log, Simulator } from "../simulator.ts";
import { CloudError } from "../vpc/cloud-error.ts";
import { rollNumber } from "../vpc/dice.ts";
import { findSubnet } from "../vpc/find.ts";
import { takeForOutsider } from "../vpc/outsider.ts";
import type { CloudState, Fate, Step, Time } from "../vpc/state.ts";
import { availableAddresses } from "../vpc/subnet-addresses.ts";
import type { Action, Call, Product } from "./action.ts";
import { products } from "./products.ts";

/** A request to the API, whatever brought it. */
export interface ApiRequest {
  /** `vpc`, `cvm` or `tag`; empty where it cannot be told. */
  readonly product: string;
  readonly action: string;
  /** The parameters: an object, or the JSON text of one as it came over the wire. */
  readonly body: unknown;
  /** Who asks; a refusal where that cannot be told. */
  readonly caller: Caller | CloudError;
  /** Absent: the product's own. */
  readonly version?: string | undefined;
  /** Absent: this cloud's. */
  readonly region?: string | undefined;
}

/** What a caller gets to see of a request. */
export type ApiOutcome = { readonly requestId: string } & (
  | {
      /** The fields of the wire's `Response`, its RequestId among them. */
      readonly answer: object;
    }
  | { readonly refused: CloudError }
  | {
      /** Nothing comes back: the request was not done, or was and nobody is told. */
      readonly lost: "request" | "answer";
      /** The connection ends at once, or never. */
      readonly manner: "close" | "hang";
    }
);

type Effect<Kind extends FaultEffect["kind"]> = Extract<FaultEffect, { kind: Kind }>;

/**
 * Tencent Cloud's API 3.0 without its wire: everything between a request and its answer, so that a program that has the cloud in its
 * own process is treated as one that reaches it over HTTP. Takes the time from the simulator's clock and waits by nothing else.
 */
export class SimulatedApi {
  readonly #simulator: Simulator;
  readonly #gate: Gate;
  readonly #region: string;
  readonly #calls: CallCounter;
  readonly #log: Log;
  readonly #newRequestId: () => string;

  constructor(options: {
    simulator: Simulator;
    gate: Gate;
    region: string;
    calls: CallCounter;
    log: Log;
    /** A fresh id for each request; of an asynchronous one it is the task's id. */
    newRequestId: () => string;
  }) {
    this.#simulator = options.simulator;
    this.#gate = options.gate;
    this.#region = options.region;
    this.#calls = options.calls;
    this.#log = options.log;
    this.#newRequestId = options.newRequestId;
    this.#simulator.keepHistory(options.gate.state.describeLag.ms);
  }

  /** Serves a request; never rejects. */
  async call(request: ApiRequest): Promise<ApiOutcome> {
    const requestId = this.#newRequestId();
    const effects = this.#strike(request.action);
    const lostRequest = effects.find((it) => it.kind === "loseRequest");
    if (lostRequest !== undefined) {
      this.#log.debug({ action: request.action, requestId }, "API call lost before it was done");
      this.#calls.count(request, "lost request");
      return { requestId, lost: "request", manner: lostRequest.manner };
    }
    await this.#delay(effects, "delayRequest");
    let outcome: ApiOutcome;
    try {
      const answer = await this.#serve(request, { requestId, effects });
      this.#log.debug({ action: request.action, requestId }, "API call");
      outcome = { requestId, answer: { ...answer, RequestId: requestId } };
    } catch (error) {
      outcome = { requestId, refused: this.#refusal(error, { action: request.action, requestId }) };
    }
    await this.#delay(effects, "delayAnswer");
    const lostAnswer = effects.find((it) => it.kind === "loseAnswer");
    if (lostAnswer !== undefined) {
      this.#log.debug({ action: request.action, requestId }, "Answer of an API call lost");
      this.#calls.count(request, "lost answer");
      return { requestId, lost: "answer", manner: lostAnswer.manner };
    }
    this.#calls.count(request, "refused" in outcome ? outcome.refused.code : undefined);
    return outcome;
  }

  #strike(action: string): readonly FaultEffect[] {
    const struck = strike(this.#gate.state, action, this.#simulator.now());
    this.#gate.change(() => struck.state);
    return struck.effects;
  }

  async #delay(effects: readonly FaultEffect[], kind: "delayRequest" | "delayAnswer"): Promise<void> {
    const delays = effects.filter((it): it is Effect<typeof kind> => it.kind === kind);
    if (delays.length > 0) {
      await this.#simulator.sleep(delays.reduce((sum, it) => sum + it.ms, 0));
    }
  }

  #serve(
    request: ApiRequest,
    serving: { requestId: string; effects: readonly FaultEffect[] },
  ): Promise<object> {
    const { action, caller } = request;
    const { requestId, effects } = serving;
    const now = this.#simulator.now();
    if (caller instanceof CloudError) {
      throw caller;
    }
    const { state } = this.#gate;
    checkCaller(caller, { credentials: state.credentials, now: cloudTime(state, now) });
    const product = findProduct(request);
    const act = findAction(product, action);
    this.#checkRegion(request, product);
    this.#gate.change((gate) => countCall(gate, action, now));
    this.#calls.admit(request, now);
    checkPolicy(this.#gate.state, {
      secretId: caller.secretId,
      product: product.service,
      action,
      requestId,
    });
    const refuse = effects.find((it) => it.kind === "refuse");
    if (refuse !== undefined) {
      throw new CloudError(refuse.code, refuse.message);
    }
    return act(this.#callOf(action, { requestId, effects }), readBody(request.body));
  }

  #callOf(action: string, serving: { requestId: string; effects: readonly FaultEffect[] }): Call {
    const { requestId, effects } = serving;
    const fate = fateOf(effects);
    let takes = effects.filter((it) => it.kind === "takeAddresses");
    const afterwards = <Answer>(step: Step<Answer>): Step<Answer> => {
      const state = takes.reduce(taken, step.state);
      takes = [];
      return { ...step, state };
    };
    return {
      action,
      region: this.#region,
      look: (view) =>
        this.#simulator.run((state, now) =>
          afterwards({ state, answer: view(this.#shown(state, now)), effects: [] }),
        ),
      run: (act) =>
        this.#simulator.run((state, now) =>
          afterwards(act(state, { now, requestId, ...(fate === undefined ? {} : { fate }) })),
        ),
    };
  }

  /** The state that Describe actions show. */
  #shown(state: CloudState, now: Time): CloudState {
    const { ms, varies } = this.#gate.state.describeLag;
    if (ms === 0) {
      return state;
    }
    if (!varies) {
      return this.#simulator.stateAt(now - ms);
    }
    const roll = rollNumber(this.#gate.state.dice, ms + 1);
    this.#gate.change((gate) => ({ ...gate, dice: roll.dice }));
    return this.#simulator.stateAt(now - roll.value);
  }

  #checkRegion({ region = this.#region }: ApiRequest, product: Product): void {
    if (!product.regional) {
      return;
    }
    if (region === "") {
      throw new CloudError("MissingParameter", "The request is missing the header X-TC-Region.");
    }
    if (region !== this.#region) {
      throw new CloudError(
        "UnsupportedRegion",
        `The region "${region}" is not supported: this cloud is ${this.#region}.`,
      );
    }
  }

  #refusal(error: unknown, call: { action: string; requestId: string }): CloudError {
    if (error instanceof CloudError) {
      this.#log.debug({ ...call, code: error.code, reason: error.message }, "API call refused");
      return error;
    }
    this.#log.warn({ ...call, error }, "API call failed by a fault of the simulator");
    return new CloudError("InternalError", String(error));
  }
}

function fateOf(effects: readonly FaultEffect[]): Fate | undefined {
  const stalls = effects.filter((it) => it.kind === "stallTask");
  const failure = effects.find((it) => it.kind === "failTask");
  if (stalls.length === 0 && failure === undefined) {
    return undefined;
  }
  const stallMs = stalls.reduce((sum, it) => sum + (it.ms ?? Number.POSITIVE_INFINITY), 0);
  return {
    stallMs,
    ...(failure === undefined
      ? {}
      : { failure: { output: failure.output, ...(failure.at === undefined ? {} : { at: failure.at }) } }),
  };
}

/** The state after an outsider has taken as many addresses as it wanted, or as there were. */
function taken(state: CloudState, { subnetId, count }: Effect<"takeAddresses">): CloudState {
  const available = availableAddresses(findSubnet(state, subnetId));
  return takeForOutsider(state, { subnetId, addresses: [], count: Math.min(count, available) }).state;
}

function findProduct({ product: service, action, version }: ApiRequest): Product {
  const product = products.find((it) => it.service === service);
  if (product === undefined) {
    throw new CloudError("InvalidAction", `The action "${action}" of version ${version} is not found.`);
  }
  if (version !== undefined && product.version !== version) {
    throw new CloudError(
      "NoSuchVersion",
      `The version ${version} of ${product.service} does not exist: ${product.version} does.`,
    );
  }
  return product;
}

function findAction(product: Product, name: string): Action {
  const action = Object.hasOwn(product.actions, name) ? product.actions[name] : undefined;
  if (action === undefined) {
    throw new CloudError("InvalidAction", `The action "${name}" of ${product.service} is not found.`);
  }
  return action;
}

function readBody(body: unknown): unknown {
  if (typeof body !== "string") {
    return body;
  }
  try {
    // SDKs send nothing, or an empty string, for a request without parameters.
    return body === "" || body === '""' ? {} : JSON.parse(body);
  } catch {
    throw new CloudError("InvalidParameter", "The body of the request is not JSON.");
  }
}
