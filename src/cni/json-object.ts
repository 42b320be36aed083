import { CniError, CODES } from "./error.ts";

/**
 * A JSON object that is read key by key. Each reader gives undefined for a key that is absent or null, and throws a CniError
 * that names the key and its value when the value is of another type. Written by hand, since a schema library costs a
 * plugin more time at start than its whole work.
 */
export class JsonObject {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #what: string;

  private constructor(value: Readonly<Record<string, unknown>>, path: string, what: string) {
    this.#value = value;
    this.#path = path;
    this.#what = what;
  }

  /** @throws CniError 6 when the text is no JSON, 7 when it is no object; `what` says whose text it is. */
  static parse(text: string, what: string): JsonObject {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new CniError(CODES.undecodable, `${what} is no JSON: ${(error as Error).message}`);
    }
    if (!isObject(value)) {
      throw new CniError(
        CODES.invalidConfiguration,
        `${what} must be a JSON object, and is ${JSON.stringify(value)}`,
      );
    }
    return new JsonObject(value, "", what);
  }

  string(key: string): string | undefined {
    const value = this.#value[key] ?? undefined;
    if (value === undefined || typeof value === "string") return value;
    throw this.invalid(key, "must be a string");
  }

  /** @throws CniError 7 also when there is none. */
  requiredString(key: string): string {
    const value = this.string(key);
    if (value === undefined || value === "") throw this.invalid(key, "must be a string that is not empty");
    return value;
  }

  integer(key: string, { min, max }: { readonly min: number; readonly max: number }): number | undefined {
    const value = this.#value[key] ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    throw this.invalid(key, `must be a whole number from ${min} to ${max}`);
  }

  object(key: string): JsonObject | undefined {
    const value = this.#value[key] ?? undefined;
    if (value === undefined) return undefined;
    if (isObject(value)) return new JsonObject(value, `${this.#path}${key}.`, this.#what);
    throw this.invalid(key, "must be an object");
  }

  boolean(key: string): boolean | undefined {
    const value = this.#value[key] ?? undefined;
    if (value === undefined || typeof value === "boolean") return value;
    throw this.invalid(key, "must be true or false");
  }

  strings(key: string): readonly string[] | undefined {
    const value = this.#value[key] ?? undefined;
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    throw this.invalid(key, "must be a list of strings");
  }

  objects(key: string): readonly JsonObject[] | undefined {
    const value = this.#value[key] ?? undefined;
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every(isObject)) {
      return value.map((item, at) => new JsonObject(item, `${this.#path}${key}[${at}].`, this.#what));
    }
    throw this.invalid(key, "must be a list of objects");
  }

  /** The error for a key whose value breaks a rule. */
  invalid(key: string, rule: string): CniError {
    const value = this.#value[key];
    const found = value === undefined ? "is missing" : `is ${JSON.stringify(value)}`;
    return new CniError(
      CODES.invalidConfiguration,
      `${this.#what}: ${this.#path}${key} ${rule}, and ${found}`,
    );
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
