import { SystemCallError } from "./errno.ts";
import { lastErrno, libc } from "./libc.ts";

/** @throws SystemCallError */
export function setOption(
  fd: number,
  { level, option, value }: { level: number; option: number; value: Int32Array | BigInt64Array },
): void {
  if (libc().setsockopt(fd, level, option, value, value.byteLength) < 0) {
    throw new SystemCallError(`set socket option ${level}/${option}`, lastErrno());
  }
}
