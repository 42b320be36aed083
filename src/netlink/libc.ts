import { dlopen, type Pointer, read } from "bun:ffi";

function load() {
  return dlopen("libc.so.6", {
    __errno_location: { args: [], returns: "ptr" },
    open: { args: ["cstring", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    setns: { args: ["i32", "i32"], returns: "i32" },
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    // Both return ssize_t, whose lower half is all there is for buffers below 2 GiB.
    send: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
  });
}

let loaded: ReturnType<typeof load> | undefined;

/** The C library's calls, loaded at the first use: a program that only encodes or parses does not pay for it. */
export function libc(): ReturnType<typeof load>["symbols"] {
  loaded ??= load();
  return loaded.symbols;
}

/** The calling thread's errno. Only meaningful directly after a call that failed. */
export function lastErrno(): number {
  return read.i32(libc().__errno_location() as Pointer, 0);
}

/** A C string for a `cstring` argument. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
