import { nodeReference } from "../../kube/core-resources.ts";
import type { EventRecorder } from "../../kube/events.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { Logger } from "../logger.ts";

export interface IpvsWorld {
  readonly clock: WaitingClock;
  readonly logger: Logger;
  readonly recorder: Pick<EventRecorder, "record">;
  /** Told with each look whether IPVS is in use. */
  readonly tell: (inUse: boolean) => void;
  /** What shows that IPVS is in use. */
  readonly sign: () => string | undefined;
}

/** kube-proxy's mode does not change without a restart of it. */
const PERIOD_MS = 60_000;

/**
 * Warns, once until it ends, of kube-proxy in IPVS mode: IPVS sends packets on where neither the marks nor the source rules of this
 * data path are asked, so that replies may leave by the wrong interface.
 */
export async function warnOfIpvs(
  { clock, logger, recorder, tell, sign }: IpvsWorld,
  { node, signal }: { node: string; signal: AbortSignal },
): Promise<void> {
  let before: string | undefined;
  while (!signal.aborted) {
    const found = sign();
    tell(found !== undefined);
    if (found !== undefined && before === undefined) {
      const message = `kube-proxy runs in IPVS mode (${found}), which is not supported: Services may not be reached; set its mode to nftables or iptables`;
      logger.warn({ node }, message);
      recorder.record({ about: nodeReference(node), type: "Warning", reason: "IPVSNotSupported", message });
    } else if (found === undefined && before !== undefined) {
      logger.info({ node }, "kube-proxy does not run in IPVS mode any more");
    }
    before = found;
    await clock.sleep(PERIOD_MS, signal);
  }
}
