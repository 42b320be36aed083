import { lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";

/**
 * A unix socket that successor and predecessor can both have. A server that stops unlinks its path even when a successor
 * has bound it, and one that was killed leaves its file: so each binds a path of its own and moves that into place.
 */
export class SocketFile {
  /** Where callers find the socket. */
  readonly path: string;
  /** Where the server binds. */
  readonly ownPath: string;
  #identity: string | undefined;

  constructor(path: string) {
    this.path = path;
    // Not the process id: agents in containers all have the same one.
    this.ownPath = `${path}.${crypto.randomUUID().slice(0, 8)}`;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  }

  /** Puts the bound socket where callers look for it, in place of what is there. */
  publish(): void {
    renameSync(this.ownPath, this.path);
    this.#identity = identityOf(this.path);
  }

  /** Whether callers still reach this socket. */
  isInPlace(): boolean {
    return identityOf(this.path) === this.#identity;
  }

  /** Takes the socket away, unless a successor has put its own there. */
  remove(): void {
    if (this.isInPlace()) rmSync(this.path, { force: true });
    rmSync(this.ownPath, { force: true });
  }
}

/** The inode alone would not do: the number of a removed file is given to the next one. */
function identityOf(path: string): string | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.ino} ${found.ctimeNs}`;
}

/** Runs what binds sockets so that they come up for their owner alone. */
export async function bindPrivately<T>(bind: () => T | Promise<T>): Promise<T> {
  const before = process.umask(0o177);
  try {
    return await bind();
  } finally {
    process.umask(before);
  }
}
