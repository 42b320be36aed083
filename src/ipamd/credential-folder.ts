import { join } from "node:path";

/** Credentials of the cloud's API, as the adapter takes them. */
export interface Credential {
  secretId: string;
  secretKey: string;
  token?: string;
}

/**
 * Reads credentials from a mounted Secret's files `secretId`, `secretKey` and, if they are temporary, `token`. Read before each
 * call, so that a rotated Secret needs no restart.
 *
 * @throws with one sentence naming the file that is missing or empty
 */
export async function readCredential(folder: string): Promise<Credential> {
  const [secretId, secretKey] = await Promise.all([read(folder, "secretId"), read(folder, "secretKey")]);
  const token = Bun.file(join(folder, "token"));
  return { secretId, secretKey, ...((await token.exists()) && { token: (await token.text()).trim() }) };
}

async function read(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  const file = Bun.file(path);
  const text = (await file.exists()) ? (await file.text()).trim() : "";
  if (text === "")
    throw new Error(`no credential in ${path}: mount the Secret with the keys secretId and secretKey there`);
  return text;
}
