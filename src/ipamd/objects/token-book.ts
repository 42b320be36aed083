/**
 * The reclaim tokens that this leadership has issued.
 *
 * An agent's answer counts only for one of these, and only until its object is gone. What an object says is as old as its storage:
 * where etcd was restored from a backup, an address can be in use again beside an old object with an old token and its old answer.
 * A token of a former leader is replaced by a fresh one, which the agent answers anew.
 */
export class TokenBook {
  readonly #nonce: () => string;
  readonly #issued = new Set<string>();

  constructor(nonce: () => string) {
    this.#nonce = nonce;
  }

  issue(): string {
    const token = this.#nonce();
    this.#issued.add(token);
    return token;
  }

  isValid(token: string): boolean {
    return this.#issued.has(token);
  }

  /** The object that asked by this token is gone: what turns up with it later is from an old backup. */
  spend(token: string | undefined): void {
    if (token !== undefined) this.#issued.delete(token);
  }
}
