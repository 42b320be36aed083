/** metav1.StatusDetails, of which `kind` is the resource's plural name. */
export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly retryAfterSeconds?: number;
  readonly causes?: readonly {
    readonly reason?: string;
    readonly message?: string;
    readonly field?: string;
  }[];
}

/** metav1.Status, as far as an error carries it. */
export interface Status {
  readonly kind?: "Status";
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: StatusDetails;
}

/** Reasons of our own, for calls that no API server answered. */
export type NoAnswer = "Timeout" | "Unreachable" | "Aborted" | "NoCredentials";

/** A call to the API server that did not succeed. */
export class KubeError extends Error {
  override readonly name = "KubeError";
  /** HTTP status, or the code of a Status that came inside a watch; 0 when nobody answered. */
  readonly status: number;
  /** `reason` of the Status (`NotFound`, `Conflict`, `Expired`, …), empty when the answer was none; else a {@link NoAnswer}. */
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  /** How long the server asks to wait before the next try, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: {
      status: number;
      reason: string;
      details?: StatusDetails | undefined;
      retryAfterMs?: number | undefined;
      cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.status = options.status;
    this.reason = options.reason;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** False: the server may or may not have done what was asked. Read before you repeat. */
  get answered(): boolean {
    return this.status !== 0;
  }

  /**
   * The API server says that this object does not exist. A bare 404 (its CRD is not installed, or a proxy answered) is not
   * one: it says nothing about the object.
   */
  get isNotFound(): boolean {
    return this.status === 404 && this.reason === "NotFound";
  }

  get isAlreadyExists(): boolean {
    return this.status === 409 && this.reason === "AlreadyExists";
  }

  /** A precondition failed, or a field belongs to another manager (then `details.causes` names field and manager). */
  get isConflict(): boolean {
    return this.status === 409 && this.reason === "Conflict";
  }

  /** The object as it would be breaks a rule: one of its schema, of a policy, or that its uid never changes. */
  get isInvalid(): boolean {
    return this.status === 422;
  }

  /** The resourceVersion asked for is compacted away: list again. */
  get isGone(): boolean {
    return this.status === 410;
  }

  get isTooManyRequests(): boolean {
    return this.status === 429;
  }

  get isForbidden(): boolean {
    return this.status === 403;
  }

  get isUnauthorized(): boolean {
    return this.status === 401;
  }
}

/**
 * The error that an answer of 300 or more stands for.
 *
 * @param what the call, e.g. `GET /api/v1/nodes/n1`
 */
export function errorFromAnswer(
  what: string,
  answer: { status: number; body: string; retryAfter?: string | null },
): KubeError {
  const status = parseStatus(answer.body);
  return errorFromStatus(what, status ?? { code: answer.status, message: answer.body.slice(0, 300).trim() }, {
    httpStatus: answer.status,
    retryAfter: answer.retryAfter ?? null,
  });
}

/** The error that a Status stands for; inside a watch it comes with HTTP status 200, so its own code counts. */
export function errorFromStatus(
  what: string,
  status: Status,
  http: { httpStatus?: number; retryAfter?: string | null } = {},
): KubeError {
  const code = http.httpStatus ?? status.code ?? 500;
  const reason = status.reason ?? "";
  return new KubeError(`${what}: ${code}${reason && ` ${reason}`}: ${status.message || "no reason given"}`, {
    status: code,
    reason,
    details: status.details,
    retryAfterMs: retryAfterMs(http.retryAfter, status.details),
  });
}

const withoutAnswer: Readonly<Record<NoAnswer, string>> = {
  Timeout: "no answer in time",
  Unreachable: "the API server cannot be reached",
  Aborted: "given up by its caller",
  NoCredentials: "not sent, because the credentials cannot be read",
};

/** The error of a call that ended without an answer. */
export function errorWithoutAnswer(what: string, reason: NoAnswer, cause: unknown): KubeError {
  const code = cause instanceof Error && "code" in cause ? `${cause.code}: ` : "";
  const text = cause instanceof Error ? cause.message : String(cause);
  return new KubeError(`${what}: ${withoutAnswer[reason]}: ${code}${text}`, { status: 0, reason, cause });
}

function parseStatus(body: string): Status | undefined {
  if (!body.startsWith("{")) return undefined;
  try {
    const parsed = JSON.parse(body);
    return parsed.kind === "Status" ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function retryAfterMs(
  header: string | null | undefined,
  details: StatusDetails | undefined,
): number | undefined {
  const seconds = header ? Number(header) : details?.retryAfterSeconds;
  return seconds !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
