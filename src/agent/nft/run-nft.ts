/** nft refused what it was asked. */
export class NftError extends Error {
  override readonly name = "NftError";
}

/** Longest run of nft that is waited for. */
const TIMEOUT_MS = 10_000;

/**
 * Runs nft. Equivalent to: `nft ARGS`, with `input` on its standard input.
 *
 * @returns its output
 * @throws NftError with what it said
 */
export async function runNft(args: readonly string[], input = ""): Promise<string> {
  const nft = Bun.spawn(["nft", ...args], {
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: TIMEOUT_MS,
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(nft.stdout).text(),
    new Response(nft.stderr).text(),
    nft.exited,
  ]);
  if (code !== 0) throw new NftError(`nft ${args.join(" ")} ended with ${code}: ${stderr.trim()}`);
  return stdout;
}
