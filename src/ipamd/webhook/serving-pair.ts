import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/** A server certificate with its key, and the authority that signed it and nothing else: that one's key is thrown away. All PEM. */
export interface ServingPair {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** How long both certificates are good for. */
export const PAIR_LIFE_MS = 365 * 86_400_000;

/** Clocks of API servers that are behind by less than this take it at once. */
const BACKDATED_MS = 3_600_000;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/**
 * Makes an authority and a certificate of it.
 *
 * @param names DNS names and addresses that clients call the server by
 * @param now milliseconds since 1970
 */
export async function makeServingPair(names: readonly string[], now: number): Promise<ServingPair> {
  // Loaded only here: it takes 20 MB, and is needed once in months.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const { KeyUsageFlags, KeyUsagesExtension, BasicConstraintsExtension } = x509;
  const validity = { notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now + PAIR_LIFE_MS) };
  const [authorityKeys, serverKeys] = await Promise.all([newKeys(), newKeys()]);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    // Two authorities are in the same bundle while one follows the other: a name of its own tells a client which signed what.
    name: `CN=tke-eni-ipamd webhook authority ${now.toString(36)}`,
    keys: authorityKeys,
    ...validity,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=tke-eni-ipamd webhook",
    issuer: authority.subject,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    ...validity,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", serverKeys.privateKey);
  return {
    authority: `${authority.toString("pem")}\n`,
    certificate: `${certificate.toString("pem")}\n`,
    key: `${x509.PemConverter.encode(key, "PRIVATE KEY")}\n`,
  };
}

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

/**
 * Until when a server may show this pair, in milliseconds since 1970; undefined where it is none: no PEM, a key of another certificate, or a
 * certificate of another authority.
 */
export function pairEnds({ authority, certificate, key }: ServingPair): number | undefined {
  try {
    const [signer, signed] = [new X509Certificate(authority), new X509Certificate(certificate)];
    if (!signed.verify(signer.publicKey) || !signed.checkPrivateKey(createPrivateKey(key))) return undefined;
    return Math.min(Date.parse(signer.validTo), Date.parse(signed.validTo));
  } catch {
    return undefined;
  }
}

/** Whether clients that call the server by each of these names take its certificate. */
export function isFor({ certificate }: ServingPair, names: readonly string[]): boolean {
  const signed = new X509Certificate(certificate);
  return names.every(
    (name) => (isIP(name) === 0 ? signed.checkHost(name) : signed.checkIP(name)) !== undefined,
  );
}
