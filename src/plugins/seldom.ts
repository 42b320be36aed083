// What an ADD or a DEL does not need whose agent is there and makes the link. It is one module, so that it becomes one part of the
// executable, which is loaded where it is used: loading it each time costs a plugin 0.6 ms of its 5 (docs/design/data-path.md).
import { extendResult } from "../cni/extend-result.ts";
import type { NetworkConfiguration } from "../cni/network-configuration.ts";
import { parseDns, parseResult } from "../cni/parse-result.ts";
import type { Result } from "../cni/result.ts";

// biome-ignore lint/performance/noBarrelFile: see above
export { checkAgent } from "./check-agent.ts";
export { checkAttachment } from "./check-attachment.ts";
export { collectGarbage, validAttachments } from "./collect-garbage.ts";
export { delegate } from "./delegate.ts";
export { allocateDelegated, releaseDelegated } from "./delegated-allocation.ts";
export { eniIpamc } from "./eni-ipamc.ts";
export { deleteRetiredLink, makeOwnLink, refuseNamespace, retireOwnLink } from "./own-link.ts";
export { queueRelease } from "./release-queue.ts";

/** The result with the configuration's DNS settings, behind those of the plugins before in the chain. */
export function inContext(result: Result, { own }: NetworkConfiguration): Result {
  const before = own.object("prevResult");
  const dns = own.object("dns");
  const told: Result = dns === undefined ? result : { ...result, dns: parseDns(dns) };
  if (before === undefined) return told;
  return extendResult(parseResult(before), told);
}
