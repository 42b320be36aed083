import type { Secret } from "../../kube/core-resources.ts";
import type { ServingPair } from "./serving-pair.ts";

/** The Secret by which all replicas of ipamd show the same certificate. */
export const WEBHOOK_SECRET = "tke-eni-ipamd-webhook";

/** Where each part of a pair is, of the newest and of the one before it. */
const KEYS = [
  { authority: "ca.crt", certificate: "tls.crt", key: "tls.key" },
  { authority: "previous-ca.crt", certificate: "previous-tls.crt", key: "previous-tls.key" },
] as const;

/** Pairs in the Secret, newest first; one that lacks a part is none. */
export function pairsOf(secret: Secret | undefined): readonly ServingPair[] {
  const text = (name: string) => Buffer.from(secret?.data?.[name] ?? "", "base64").toString();
  return KEYS.map(({ authority, certificate, key }) => ({
    authority: text(authority),
    certificate: text(certificate),
    key: text(key),
  })).filter((pair) => Object.values(pair).every((part) => part !== ""));
}

/** The Secret's data for the newest pair and the one before it; null for what is to go. */
export function dataOf([newest, previous]: readonly ServingPair[]): Record<string, string | null> {
  const base64 = (text: string | undefined) =>
    text === undefined ? null : Buffer.from(text).toString("base64");
  return Object.fromEntries(
    [newest, previous].flatMap((pair, at) => {
      const keys = KEYS[at];
      if (keys === undefined) return [];
      return [
        [keys.authority, base64(pair?.authority)],
        [keys.certificate, base64(pair?.certificate)],
        [keys.key, base64(pair?.key)],
      ];
    }),
  );
}
