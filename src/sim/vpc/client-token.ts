import type { CloudState, Step, Time } from "./state.ts";

/** How long a token is remembered, in milliseconds. The API's documentation does not say; this outlasts any caller's patience. */
const tokenLife = 60 * 60 * 1000;

export interface TokenRequest {
  readonly action: string;
  /** Absent: the request is done whenever it comes. */
  readonly token: string | undefined;
  readonly now: Time;
}

/**
 * Does a request once: one of the same action and client token that was done before gets the first one's answer again, and
 * nothing happens. A request that was refused leaves no trace, so that it may be tried again with its token.
 */
export function once<Answer>(
  state: CloudState,
  request: TokenRequest,
  act: () => Step<Answer>,
): Step<Answer> {
  if (request.token === undefined) {
    return act();
  }
  const key = `${request.action} ${request.token}`;
  const earlier = state.answers.get(key);
  if (earlier !== undefined && earlier.answeredAt + tokenLife > request.now) {
    return { state, answer: earlier.answer as Answer, effects: [] };
  }
  const step = act();
  let { answers } = step.state;
  for (const [old, { answeredAt }] of step.state.answers) {
    if (answeredAt + tokenLife > request.now) {
      break;
    }
    answers = answers.without(old);
  }
  const remembered = answers.with(key, { answer: step.answer, answeredAt: request.now });
  return { ...step, state: { ...step.state, answers: remembered } };
}
