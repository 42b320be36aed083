import { errnoName } from "./errno.ts";

/** The kernel refused a message. */
export class NetlinkError extends Error {
  override readonly name = "NetlinkError";
  /** Symbolic name, as in `EEXIST`. */
  readonly errno: string;
  /** What the message was to do. */
  readonly act: string;
  /** Place of the message in the batch, from 0. */
  readonly position: number;
  /** The kernel's own words (extended ACK); empty where it has none. */
  readonly kernelText: string;

  constructor({
    code,
    act,
    position,
    kernelText,
  }: { code: number; act: string; position: number; kernelText: string }) {
    const errno = errnoName(code);
    super(`cannot ${act}: ${errno}${kernelText === "" ? "" : ` (${kernelText})`}`);
    this.errno = errno;
    this.act = act;
    this.position = position;
    this.kernelText = kernelText;
  }
}
