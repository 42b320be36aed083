import { dlopen, type Pointer, read } from "bun:ffi";

const LIBC = "libc.so.6";

function loadSockets() {
  return dlopen(LIBC, {
    // Beside whatever may fail: what is loaded after a failure may change it.
    __errno_location: { args: [], returns: "ptr" },
    close: { args: ["i32"], returns: "i32" },
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    // Both return ssize_t, whose lower half is all there is for buffers below 2 GiB.
    send: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
  });
}

function loadNamespaces() {
  return dlopen(LIBC, {
    open: { args: ["cstring", "i32"], returns: "i32" },
    setns: { args: ["i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  });
}

let sockets: ReturnType<typeof loadSockets> | undefined;
let namespaces: ReturnType<typeof loadNamespaces> | undefined;

/** The C library's calls on sockets, loaded at the first use: each costs a plugin ten microseconds. */
export function libc(): ReturnType<typeof loadSockets>["symbols"] {
  sockets ??= loadSockets();
  return sockets.symbols;
}

/** Its calls that a plugin needs only where it does the work in the kernel itself. */
export function libcOfNamespaces(): ReturnType<typeof loadNamespaces>["symbols"] {
  // For `lastErrno`.
  libc();
  namespaces ??= loadNamespaces();
  return namespaces.symbols;
}

/** The calling thread's errno. Only meaningful directly after a call that failed. */
export function lastErrno(): number {
  return read.i32(libc().__errno_location() as Pointer, 0);
}

/** A C string for a `cstring` argument. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
