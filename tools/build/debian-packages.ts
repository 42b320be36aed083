import { existsSync } from "node:fs";
import type { Progress } from "./progress.ts";
import { runCommand } from "./run-command.ts";

/** Debian packages that the real cluster and the tests need, and a file that tells that each is there. */
export const neededPackages: Readonly<Record<string, string>> = {
  // Not /usr/bin/busybox, which is also where the package `busybox` has its own, that does not run in an image without glibc.
  "busybox-static": "/var/lib/dpkg/info/busybox-static.list",
  conntrack: "/usr/sbin/conntrack",
  iproute2: "/usr/sbin/ip",
  iptables: "/usr/sbin/iptables",
  "iputils-ping": "/usr/bin/ping",
  nftables: "/usr/sbin/nft",
  openssl: "/usr/bin/openssl",
  // For sysctl.
  procps: "/usr/sbin/sysctl",
  runc: "/usr/sbin/runc",
};

/** What the benchmarks measure beside, and measure with. */
export const benchPackages: Readonly<Record<string, string>> = {
  "containernetworking-plugins": "/usr/lib/cni/ptp",
  iperf3: "/usr/bin/iperf3",
  sockperf: "/usr/bin/sockperf",
};

/**
 * Installs the Debian packages that are missing, and says so first. Runs nothing when all are there.
 * Throws, naming the packages, where there is no apt-get or it fails.
 */
export async function installDebianPackages(
  progress: Progress,
  packages: Readonly<Record<string, string>> = neededPackages,
): Promise<void> {
  const missing = Object.keys(packages).filter((name) => !existsSync(packages[name] ?? ""));
  if (missing.length === 0) return;
  if (!existsSync("/usr/bin/apt-get")) {
    throw new Error(
      `These programs are missing and there is no apt-get to bring them: install ${missing.join(", ")}.`,
    );
  }
  await progress.step(`installing Debian packages: ${missing.join(" ")}`, async () => {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    await runCommand(["apt-get", "update", "-qq"], { env });
    await runCommand(["apt-get", "install", "-qq", "-y", "--no-install-recommends", ...missing], { env });
  });
}
