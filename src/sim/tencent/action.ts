import type { Simulator } from "../simulator.ts";

/** One request to the API, as the action sees it. */
export interface Call {
  readonly simulator: Simulator;
  readonly action: string;
  readonly region: string;
  /** Chosen for the answer; of an asynchronous action it is the task's id. */
  readonly requestId: string;
}

/**
 * An action of the API: the body of a request, as it was parsed from JSON, to the fields of its response without the
 * RequestId. Throws CloudError where the cloud refuses.
 */
export type Action = (call: Call, body: unknown) => object | Promise<object>;

/** The actions of one product and version. */
export interface Product {
  /** The first label of its host and the service in a signature's scope. */
  readonly service: string;
  readonly version: string;
  /** Whether a request has to name a region. */
  readonly regional: boolean;
  readonly actions: Readonly<Record<string, Action>>;
}
