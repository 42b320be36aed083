import { sdkFailure } from "../../src/cloud/tencent/failure.ts";
import { WireVpc } from "../../src/cloud/tencent/wire-vpc.ts";
import { callerOf } from "../../src/sim/admission/credential.ts";
import type { ApiOutcome, SimulatedApi } from "../../src/sim/tencent/simulated-api.ts";
import type { VirtualClock } from "../../src/time/testing/virtual-clock.ts";
import type { SimProcess } from "./sim-process.ts";

/** What the world has in store for a call that is sent. */
export interface Passage {
  /** By how many milliseconds it is held up. */
  readonly heldUpMs: number;
  /** Told when it arrives. @returns what is to be told if it is done then */
  readonly onArrival: () => (() => void) | undefined;
}

export interface CloudLink {
  readonly api: SimulatedApi;
  readonly clock: VirtualClock;
  readonly region: string;
  readonly credential: { readonly secretId: string; readonly secretKey: string };
  /** Milliseconds that a process waits for an answer. */
  readonly timeoutMs: number;
  /** Milliseconds that a request takes to arrive, and its answer to come back. */
  readonly delayMs: () => number;
  /** Told of each call before it is sent. @returns what becomes of it */
  readonly onSend: (action: string, parameters: object) => Passage;
  /** Told of each call that is sent, and of what became of it for its caller. */
  readonly onCall: (call: { process: string; action: string; parameters: object; outcome: string }) => void;
}

/**
 * The simulated cloud as a process reaches it: the same bodies as over the real wire, and a deadline in virtual time. What was sent
 * arrives, whatever becomes of its sender.
 */
export function simulatedCloudVpc(process: SimProcess, link: CloudLink): WireVpc {
  const { api, clock, region, credential, timeoutMs, delayMs, onSend, onCall } = link;
  return new WireVpc({
    region,
    send: (product, action, parameters) => {
      const { heldUpMs, onArrival } = onSend(action, parameters);
      // biome-ignore lint/suspicious/noExplicitAny: as the SDK's own `request` answers.
      return new Promise<any>((resolve, reject) => {
        let over = false;
        const end = (outcome: string, act: () => void) =>
          process.deliver(() => {
            if (over) return;
            over = true;
            cancelTimeout();
            onCall({ process: process.name, action, parameters, outcome });
            act();
          });
        const fail = (outcome: string, cause: object) =>
          end(outcome, () => reject(sdkFailure(action, cause)));
        const cancelTimeout = clock.after(timeoutMs, () =>
          fail("timeout", { message: `no answer within ${timeoutMs} ms` }),
        );
        const take = (outcome: ApiOutcome) => {
          if ("answer" in outcome) {
            end("done", () => resolve(outcome.answer));
          } else if ("refused" in outcome) {
            const { code, message } = outcome.refused;
            fail(code, { code, message, requestId: outcome.requestId });
          } else if (outcome.manner === "close") {
            fail(`lost ${outcome.lost}`, { message: "the connection was closed" });
          }
        };
        const signedAt = clock.now();
        clock.after(delayMs() + heldUpMs, async () => {
          const onDone = onArrival();
          const caller = callerOf({ ...credential, signedAt });
          const outcome = await api.call({ product, action, body: parameters, caller });
          if ("answer" in outcome || ("lost" in outcome && outcome.lost === "answer")) onDone?.();
          clock.after(delayMs(), () => take(outcome));
        });
      });
    },
  });
}
