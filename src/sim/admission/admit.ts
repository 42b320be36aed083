import { CloudError } from "../vpc/cloud-error.ts";
import { rollNumber } from "../vpc/dice.ts";
import type { Time } from "../vpc/state.ts";
import type { AdmissionState } from "./admission-state.ts";
import type { Fault, FaultEffect } from "./fault.ts";
import { rateLimitOf, withinLastSecond } from "./rate-limits.ts";

/** What a roll tells apart of a probability: millionths. */
const fine = 1_000_000;

/**
 * Rolls which faults strike a call, in the order in which they were put in force. One that strikes counts it.
 *
 * @param action empty for a call that names none
 */
export function strike(
  state: AdmissionState,
  action: string,
  now: Time,
): { state: AdmissionState; effects: readonly FaultEffect[] } {
  if (state.faults.length === 0) {
    return { state, effects: [] };
  }
  let { dice } = state;
  const effects: FaultEffect[] = [];
  const faults = state.faults.map((fault) => {
    if (!isInForce(fault, now) || !(fault.actions.includes("*") || fault.actions.includes(action))) {
      return fault;
    }
    if (fault.probability < 1) {
      const roll = rollNumber(dice, fine);
      dice = roll.dice;
      if (roll.value >= fault.probability * fine) {
        return fault;
      }
    }
    effects.push(fault.effect);
    return {
      ...fault,
      struck: fault.struck + 1,
      ...(fault.left === undefined ? {} : { left: fault.left - 1 }),
    };
  });
  return { state: { ...state, dice, faults }, effects };
}

/** Whether the fault can still strike. */
export function isInForce(fault: Fault, now: Time): boolean {
  return fault.left !== 0 && (fault.until === undefined || now < fault.until);
}

/**
 * Counts a call towards its action's rate, if it has calls left within the last 1000 ms. One that is refused does not count.
 *
 * @throws CloudError RequestLimitExceeded
 */
export function countCall(state: AdmissionState, action: string, now: Time): AdmissionState {
  const limit = rateLimitOf(state.rateLimits, action);
  if (!Number.isFinite(limit)) {
    return state;
  }
  const recent = withinLastSecond(state.windows.get(action) ?? [], now);
  if (recent.length >= limit) {
    throw new CloudError(
      "RequestLimitExceeded",
      `Your current request times equals to \`${recent.length + 1}\` in a second, which exceeds the frequency limit \`${limit}\` for a second. Please reduce the frequency of calls.`,
    );
  }
  return { ...state, windows: new Map(state.windows).set(action, [...recent, now]) };
}

/**
 * Refuses an action that the caller's policy does not have.
 *
 * @throws CloudError UnauthorizedOperation
 */
export function checkPolicy(
  state: AdmissionState,
  call: { secretId: string; product: string; action: string; requestId: string },
): void {
  if (state.denied.get(call.secretId)?.has(call.action) === true) {
    throw new CloudError(
      "UnauthorizedOperation",
      `[request id:${call.requestId}]you are not authorized to perform operation (${call.product}:${call.action})\nresource (*) has no permission\n`,
    );
  }
}
