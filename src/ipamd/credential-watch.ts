import type { CallBudget } from "../cloud/budget/call-budget.ts";

/** Has a rejected credential tried again as soon as there is another one. */
export class CredentialWatch {
  readonly #budget: Pick<CallBudget, "health" | "credentialsChanged">;
  readonly #fingerprint: (() => Promise<string>) | undefined;
  /** Of the credential that was rejected last. */
  #last: string | undefined;

  /** @param fingerprint another text for another credential; absent where credentials never change */
  constructor(
    budget: Pick<CallBudget, "health" | "credentialsChanged">,
    fingerprint: (() => Promise<string>) | undefined,
  ) {
    this.#budget = budget;
    this.#fingerprint = fingerprint;
  }

  async look(): Promise<void> {
    if (this.#fingerprint === undefined || this.#budget.health().state !== "credential-rejected") return;
    const fingerprint = await this.#fingerprint().catch(() => undefined);
    // Being written just now, perhaps; what cannot be read is no other credential.
    if (fingerprint === undefined) return;
    if (this.#last !== undefined && this.#last !== fingerprint) this.#budget.credentialsChanged();
    this.#last = fingerprint;
  }
}
