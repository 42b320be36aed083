import { type LinkAddress, parseAddress } from "./address.ts";
import { RTM_DELADDR, RTM_DELLINK, RTM_DELNETCONF, RTM_DELROUTE, RTM_DELRULE } from "./constants.ts";
import { errnoName, SystemCallError } from "./errno.ts";
import { lastErrno, libc } from "./libc.ts";
import { type Link, parseLink } from "./link.ts";
import { type LinkSettings, parseLinkSettings } from "./link-settings.ts";
import { type ReceivedMessage, splitMessages } from "./message.ts";
import { NetworkNamespace } from "./namespace.ts";
import { type InstalledRoute, parseRoute } from "./route.ts";
import { type InstalledRule, parseRule } from "./rule.ts";
import { openSocketIn } from "./socket.ts";
import { setOption } from "./socket-option.ts";

const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
/** Room for the few thousand notifications that the death of a full node's namespaces makes. */
const RECEIVE_QUEUE_BYTES = 8 * 1024 * 1024;
const RECEIVE_BYTES = 64 * 1024;

/** `RTMGRP_*` bits of linux/rtnetlink.h, by what they tell of. */
const GROUPS = {
  link: 0x1,
  "ipv4-address": 0x10,
  "ipv4-route": 0x40,
  "ipv4-rule": 0x80,
  /** Of `net.ipv4.conf.LINK.*`, the kernel tells of forwarding, rp_filter and few others. */
  "ipv4-settings": 0x800000,
  "ipv6-address": 0x100,
  "ipv6-route": 0x400,
  "ipv6-rule": 0x40000,
} as const;

export type NotificationGroup = keyof typeof GROUPS;

/** Something came to be or changed (`new`), or is gone (`deleted`). */
export type Notification = { readonly change: "new" | "deleted" } & (
  | { readonly kind: "link"; readonly link: Link }
  | { readonly kind: "address"; readonly address: Required<LinkAddress> }
  | { readonly kind: "route"; readonly route: InstalledRoute }
  | { readonly kind: "rule"; readonly rule: InstalledRule }
  | { readonly kind: "settings"; readonly settings: LinkSettings }
);

export interface Drained {
  readonly notifications: readonly Notification[];
  /** The kernel had to drop notifications: what is known from them is stale, so list everything anew. */
  readonly resync: boolean;
}

/** Listens to what changes in one namespace. Equivalent to: `ip monitor` */
export class NetlinkMonitor {
  /** For poll(2); reading from it is for `drain` alone. */
  readonly fd: number;
  readonly #receiveBuffer = new Uint8Array(RECEIVE_BYTES);

  private constructor(fd: number) {
    this.fd = fd;
  }

  /**
   * Subscribes in the namespace given, or in the calling thread's own. List objects after this, not before: then nothing falls
   * between the list and the first notification.
   * @throws SystemCallError
   */
  static open({
    namespace,
    groups,
    receiveQueueBytes = RECEIVE_QUEUE_BYTES,
  }: {
    readonly namespace?: NetworkNamespace | string | undefined;
    readonly groups: readonly NotificationGroup[];
    /** Past this the kernel drops notifications, which `drain` reports as `resync`. */
    readonly receiveQueueBytes?: number | undefined;
  }): NetlinkMonitor {
    const bits = groups.reduce((sum, group) => sum | GROUPS[group], 0);
    const monitor = new NetlinkMonitor(subscribe(namespace, bits));
    try {
      setOption(monitor.fd, {
        level: SOL_SOCKET,
        option: SO_RCVBUFFORCE,
        value: new Int32Array([receiveQueueBytes]),
      });
    } catch (error) {
      monitor.close();
      throw error;
    }
    return monitor;
  }

  /**
   * All that has been told since the last time; returns at once.
   * @throws SystemCallError
   */
  drain(): Drained {
    const notifications: Notification[] = [];
    let resync = false;
    for (;;) {
      const length = libc().recv(this.fd, this.#receiveBuffer, RECEIVE_BYTES, MSG_DONTWAIT);
      if (length >= 0) {
        for (const message of splitMessages(this.#receiveBuffer.slice(0, length))) {
          const notification = parseNotification(message);
          if (notification !== undefined) notifications.push(notification);
        }
        continue;
      }
      const code = lastErrno();
      if (errnoName(code) === "EAGAIN") return { notifications, resync };
      if (errnoName(code) !== "ENOBUFS") throw new SystemCallError("receive netlink notifications", code);
      resync = true;
    }
  }

  close(): void {
    libc().close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const DELETIONS: readonly number[] = [RTM_DELLINK, RTM_DELADDR, RTM_DELROUTE, RTM_DELRULE, RTM_DELNETCONF];

/** The notification in a message; undefined for a message of another kind. */
export function parseNotification(message: ReceivedMessage): Notification | undefined {
  const deleted = DELETIONS.includes(message.type);
  const change = deleted ? "deleted" : "new";
  const link = parseLink(message);
  if (link !== undefined) return { kind: "link", change, link };
  const address = parseAddress(message);
  if (address !== undefined) return { kind: "address", change, address };
  const route = parseRoute(message);
  if (route !== undefined) return { kind: "route", change, route };
  const rule = parseRule(message);
  if (rule !== undefined) return { kind: "rule", change, rule };
  const settings = parseLinkSettings(message);
  if (settings !== undefined) return { kind: "settings", change, settings };
  return undefined;
}

function subscribe(namespace: NetworkNamespace | string | undefined, groups: number): number {
  if (typeof namespace !== "string") return openSocketIn(namespace, groups);
  using opened = NetworkNamespace.open(namespace);
  return openSocketIn(opened, groups);
}
