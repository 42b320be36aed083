import type { CloudState, Occasion, Step } from "../vpc/state.ts";

/** One request to the API, as the action sees it. */
export interface Call {
  readonly action: string;
  readonly region: string;
  /**
   * Reads the state that Describe actions show, which may be older than what acts are done to.
   *
   * @throws what the view throws
   */
  look<T>(view: (state: CloudState) => T): Promise<T>;
  /**
   * Does an act.
   *
   * @returns its answer
   * @throws what the act throws; nothing has happened then
   */
  run<Answer>(act: (state: CloudState, occasion: Occasion) => Step<Answer>): Promise<Answer>;
}

/**
 * An action of the API: the body of a request, as it was parsed from JSON, to the fields of its response without the
 * RequestId. Throws CloudError where the cloud refuses.
 */
export type Action = (call: Call, body: unknown) => Promise<object>;

/** The actions of one product and version. */
export interface Product {
  /** The first label of its host and the service in a signature's scope. */
  readonly service: string;
  readonly version: string;
  /** Whether a request has to name a region. */
  readonly regional: boolean;
  readonly actions: Readonly<Record<string, Action>>;
}
