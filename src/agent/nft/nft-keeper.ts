import type { Logger } from "../logger.ts";
import { NftGeneration } from "./generation.ts";
import { ruleset, TABLE, type WantedRuleset } from "./ruleset.ts";
import { runNft } from "./run-nft.ts";

const CHANGED = "somebody has changed the table";

/** Keeps the table `inet tke_eni` as it should be. Not for concurrent use. */
export class NftKeeper {
  readonly #logger: Logger;
  readonly #generation = new NftGeneration();
  /** The text that was loaded, how the kernel then listed it, and the generation at which it was last seen so. */
  #loaded: { text: string; listing: string; generation: number } | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * Loads the ruleset if it is another than before, or if somebody has changed or flushed the table. Cheap when neither is so.
   *
   * @returns whether somebody had changed it
   * @throws NftError, SystemCallError
   */
  async keep(wanted: WantedRuleset): Promise<boolean> {
    const text = ruleset(wanted);
    const reason = await this.#reasonToLoad(text);
    if (reason === undefined) return false;
    const before = this.#generation.read();
    // Equivalent to: `nft -f -`; one transaction, so that no packet sees half of it.
    await runNft(["-f", "-"], text);
    const listing = await list();
    const generation = this.#generation.read();
    // More than our own transaction: what somebody else did in between may be in the listing, and would pass for ours for ever.
    this.#loaded = generation === (before + 1) >>> 0 ? { text, listing, generation } : undefined;
    this.#logger.info({ reason, enis: wanted.enis.length }, "loaded the nftables ruleset");
    return reason === CHANGED;
  }

  close(): void {
    this.#generation.close();
  }

  async #reasonToLoad(text: string): Promise<string | undefined> {
    const loaded = this.#loaded;
    if (loaded === undefined) return "it was not loaded yet, or somebody changed rulesets meanwhile";
    if (loaded.text !== text) return "the ENIs, or what leaves by the primary interface, have changed";
    const generation = this.#generation.read();
    if (generation === loaded.generation) return undefined;
    const listing = await list().catch(() => undefined);
    if (listing !== loaded.listing) return CHANGED;
    loaded.generation = generation;
    return undefined;
  }
}

/** Equivalent to: `nft --stateless list table inet tke_eni` */
function list(): Promise<string> {
  return runNft(["--stateless", "list", "table", ...TABLE.split(" ")]);
}
