import type { AdmissionState } from "./admission-state.ts";

/** Holds what stands between callers and the cloud: the one thing about admission that changes in place. */
export class Gate {
  #state: AdmissionState;

  constructor(state: AdmissionState) {
    this.#state = state;
  }

  get state(): AdmissionState {
    return this.#state;
  }

  /** Lets the state be another. A change that throws leaves it as it is. */
  change(next: (state: AdmissionState) => AdmissionState): void {
    this.#state = next(this.#state);
  }
}
