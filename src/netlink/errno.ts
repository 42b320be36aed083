/** Numbers of `asm-generic/errno*.h` that rtnetlink and the calls around it answer with. */
const NAMES: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  4: "EINTR",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  16: "EBUSY",
  17: "EEXIST",
  19: "ENODEV",
  22: "EINVAL",
  24: "EMFILE",
  28: "ENOSPC",
  32: "EPIPE",
  33: "EDOM",
  34: "ERANGE",
  36: "ENAMETOOLONG",
  90: "EMSGSIZE",
  93: "EPROTONOSUPPORT",
  95: "EOPNOTSUPP",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
  100: "ENETDOWN",
  101: "ENETUNREACH",
  104: "ECONNRESET",
  105: "ENOBUFS",
  107: "ENOTCONN",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  113: "EHOSTUNREACH",
};

/** Name of a positive error number, `errno 123` for one that is not in the table. */
export function errnoName(code: number): string {
  return NAMES[code] ?? `errno ${code}`;
}

/** A system call that failed. `errno` is the symbolic name, as in `EACCES`. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly errno: string;

  constructor(act: string, code: number) {
    const errno = errnoName(code);
    super(`cannot ${act}: ${errno}`);
    this.errno = errno;
  }
}
