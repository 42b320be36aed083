import { CloudError, type CloudErrorClass } from "../../cloud/cloud-error.ts";

/** What to say before and after the cloud's own words. */
type Words = readonly [what: (action: string) => string, remedy: string];

const NO_ANSWER: Words = [
  () => "the cloud does not answer",
  "check the way to it from this pod and the cloud's status page, then run it again",
];
const NOT_NOW: Words = [() => "the cloud does not answer this now", "run it again in a minute"];

const WORDS: Readonly<Partial<Record<CloudErrorClass, Words>>> = {
  credential: [
    () => "the cloud does not accept the credential",
    "put a valid one into the Secret tke-eni-credential, which pods see after a minute or so",
  ],
  "clock-skew": [
    () => "the cloud refuses the request for its date",
    "set the clock of this machine, and keep it set by NTP",
  ],
  "not-authorised": [
    (action) => `the credential may not do ${action}`,
    "add the action to the policy of its user or role",
  ],
  throttled: NOT_NOW,
  "retry-later": NOT_NOW,
  unknown: NO_ANSWER,
};

/** What a credential's failure says that was found before anything was sent. */
const NOT_SENT = /: not sent: (.*)$/s;

/**
 * A read of the cloud that failed, as one sentence for the person who runs a command: what is the matter, in the cloud's words too,
 * and what to do.
 *
 * @returns any other error as it is
 */
export function plainFailure(error: unknown): unknown {
  if (!(error instanceof CloudError)) return error;
  const unread =
    error.class === "credential" && error.code === "" ? NOT_SENT.exec(error.message)?.[1] : undefined;
  if (unread !== undefined) return new Error(`the cloud was not asked: ${unread}`, { cause: error });
  const [what, remedy] = WORDS[error.class] ?? [
    () => "the cloud refuses the request",
    "see whether --region and --vpc-id are those of this cluster",
  ];
  return new Error(`${what(error.action)} (${error.message}): ${remedy}`, { cause: error });
}
