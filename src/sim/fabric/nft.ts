/** Runs nft in the namespace that this process is in. */
export interface Nft {
  /**
   * Applies a script as one transaction. Equivalent to: `nft -f -`
   *
   * @throws Error with what nft said
   */
  apply(script: string): Promise<void>;
  /** Reads the table `inet vpc`. Equivalent to: `nft --json list table inet vpc` */
  list(): Promise<NftDocument>;
}

/** The part of nft's JSON that this room reads (libnftables-json(5)). */
export interface NftDocument {
  readonly nftables: readonly {
    readonly counter?: { readonly name: string; readonly packets: number };
    readonly set?: { readonly name: string; readonly elem?: readonly NftElement[] };
  }[];
}

export interface NftElement {
  readonly elem?: {
    readonly val: { readonly concat: readonly string[] };
    readonly counter?: { readonly packets: number };
  };
}

/** The nft of this machine. */
export const systemNft: Nft = {
  async apply(script) {
    await runNft(["-f", "-"], script);
  },
  async list() {
    return JSON.parse(await runNft(["--json", "list", "table", "inet", "vpc"], ""));
  },
};

async function runNft(args: readonly string[], input: string): Promise<string> {
  const child = Bun.spawn(["nft", ...args], { stdin: Buffer.from(input), stdout: "pipe", stderr: "pipe" });
  const [output, complaint, status] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (status !== 0) {
    throw new Error(`nft ${args.join(" ")} ended with status ${status}: ${complaint.trim()}`);
  }
  return output;
}
