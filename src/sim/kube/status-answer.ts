import type { StatusDetails } from "../../kube/kube-error.ts";
import type { ServedKind } from "./served-kind.ts";
import type { Fault } from "./validate.ts";

/** What the server answers to a request. */
export interface ModelAnswer {
  readonly status: number;
  readonly body: string;
  /** Seconds, where the server asks for a pause. */
  readonly retryAfter?: string;
}

/** A refusal, thrown from within a request. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly answer: ModelAnswer;

  constructor(answer: ModelAnswer) {
    super(answer.body);
    this.answer = answer;
  }
}

/** A Status that says no. */
export function failure(
  code: number,
  reason: string,
  { message, details }: { message: string; details?: StatusDetails },
): ModelAnswer {
  const body = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    details,
    code,
  };
  return { status: code, body: JSON.stringify(body) };
}

/** What a path that nobody serves answers: no Status, so that it is told from an absent object. */
export const PAGE_NOT_FOUND: ModelAnswer = { status: 404, body: "404 page not found\n" };

/** `vpcips.networking.tke.cloud.tencent.com`, or the plural alone for the core group. */
function qualified({ plural, group }: ServedKind): string {
  return group === "" ? plural : `${plural}.${group}`;
}

function detailsOf({ group, plural }: ServedKind, name: string): StatusDetails {
  return { name, ...(group !== "" && { group }), kind: plural };
}

export function notFound(kind: ServedKind, name: string): Refusal {
  const message = `${qualified(kind)} "${name}" not found`;
  return new Refusal(failure(404, "NotFound", { message, details: detailsOf(kind, name) }));
}

export function alreadyExists(kind: ServedKind, name: string): Refusal {
  const message = `${qualified(kind)} "${name}" already exists`;
  return new Refusal(failure(409, "AlreadyExists", { message, details: detailsOf(kind, name) }));
}

export function conflict(kind: ServedKind, name: string, why: string): Refusal {
  const message = `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${why}`;
  return new Refusal(failure(409, "Conflict", { message, details: detailsOf(kind, name) }));
}

/** A delete whose preconditions do not hold: the details name the kind, not the resource. */
export function preconditionFailed(kind: ServedKind, name: string, why: string): Refusal {
  const message = `Operation cannot be fulfilled on ${qualified(kind)} "${name}": Precondition failed: ${why}`;
  const details = { ...detailsOf(kind, name), kind: kind.schema === undefined ? kind.plural : kind.kind };
  return new Refusal(failure(409, "Conflict", { message, details }));
}

/** What an apply answers that cannot be merged by the schema: no reason of its own. */
export function untyped(message: string): Refusal {
  return new Refusal(failure(500, "", { message }));
}

export const MODIFIED =
  "the object has been modified; please apply your changes to the latest version and try again";

export function badRequest(message: string): Refusal {
  return new Refusal(failure(400, "BadRequest", { message }));
}

export function invalid(kind: ServedKind, name: string, faults: readonly Fault[]): Refusal {
  const text = faults.map(({ field, message }) => `${field}: ${message}`).join(", ");
  const message = `${kind.kind}.${kind.group} "${name}" is invalid: ${faults.length > 1 ? `[${text}]` : text}`;
  const details = { ...(name !== "" && { name }), group: kind.group, kind: kind.kind, causes: [...faults] };
  return new Refusal(failure(422, "Invalid", { message, details }));
}
