import { SystemCallError } from "./errno.ts";
import { cString, lastErrno, libc, libcOfNamespaces } from "./libc.ts";

const O_RDONLY = 0;
/** What is no namespace must not be waited for: a pipe at the path would keep its opener for ever. */
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const CLONE_NEWNET = 0x40000000;

/** Of the thread, not of the process: the two differ while another thread is elsewhere. */
const OWN_NAMESPACE = "/proc/thread-self/ns/net";

/** An open network namespace. It lives at least as long as this handle. */
export class NetworkNamespace {
  readonly path: string;
  readonly fd: number;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
  }

  /**
   * Opens the namespace behind a path such as `/run/netns/NAME` or `/proc/PID/ns/net`.
   * @throws SystemCallError ENOENT when there is no such file.
   */
  static open(path: string): NetworkNamespace {
    const fd = libcOfNamespaces().open(cString(path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) throw new SystemCallError(`open network namespace ${path}`, lastErrno());
    return new NetworkNamespace(path, fd);
  }

  /** Opens the namespace that the calling thread is in. */
  static own(): NetworkNamespace {
    return NetworkNamespace.open(OWN_NAMESPACE);
  }

  /** Runs a function inside the namespace and always returns to the one before. Equivalent to: `ip netns exec`. */
  run<T>(act: () => T extends PromiseLike<unknown> ? never : T): T {
    const home = NetworkNamespace.own();
    try {
      enter(this);
      try {
        return act();
      } finally {
        comeBack(home);
      }
    } finally {
      home.close();
    }
  }

  close(): void {
    libc().close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A process that cannot come back must not go on: it would take what it sees there for its own network. */
function comeBack(home: NetworkNamespace): void {
  try {
    enter(home);
  } catch (error) {
    const { message } = error as Error;
    process.stderr.write(`a thread cannot come back to its own network namespace: ${message}\n`);
    process.abort();
  }
}

function enter(namespace: NetworkNamespace): void {
  if (libcOfNamespaces().setns(namespace.fd, CLONE_NEWNET) < 0) {
    throw new SystemCallError(`enter network namespace ${namespace.path}`, lastErrno());
  }
}
