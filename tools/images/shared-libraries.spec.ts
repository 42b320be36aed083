import { expect, test } from "bun:test";
import { parseLdd } from "./shared-libraries.ts";

test("parseLdd() takes libraries and the loader, not the kernel's own", () => {
  const text = `\tlinux-vdso.so.1 (0x00007ffd)
\tlibnftables.so.1 => /lib/x86_64-linux-gnu/libnftables.so.1 (0x00007f1)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f2)
`;
  expect(parseLdd(text)).toEqual(["/lib/x86_64-linux-gnu/libnftables.so.1", "/lib64/ld-linux-x86-64.so.2"]);
});

test("parseLdd() names a library that is missing", () => {
  expect(() => parseLdd("\tlibx.so.1 => not found\n")).toThrow("libx.so.1");
});
