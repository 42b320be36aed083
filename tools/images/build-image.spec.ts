import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../build/run-command.ts";
import { buildImage, type ImageOptions } from "./build-image.ts";

const ownCache = process.env["TKE_ENI_CACHE"];
let folder: string;
let image: ImageOptions;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tke-eni-images-"));
  process.env["TKE_ENI_CACHE"] = join(folder, "cache");
  const program = join(folder, "program");
  await writeFile(program, "#!/bin/sh\n");
  await chmod(program, 0o700);
  image = {
    name: "tke-eni.local/sample:1",
    files: [
      { path: "/usr/bin/program", from: program, mode: 0o755 },
      { path: "/etc/motd", content: "hello\n" },
      { path: "/bin", link: "usr/bin" },
    ],
    entrypoint: ["/usr/bin/program"],
    env: { LANGUAGE: "C" },
  };
});

afterAll(async () => {
  if (ownCache === undefined) delete process.env["TKE_ENI_CACHE"];
  else process.env["TKE_ENI_CACHE"] = ownCache;
  await rm(folder, { recursive: true, force: true });
});

test("buildImage() writes an OCI layout whose digests are right, with the files as they were asked for", async () => {
  const layout = join(folder, "layout");
  await mkdir(layout);
  await runCommand(["tar", "-xf", await buildImage(image), "-C", layout]);
  const read = async (digest: string) => {
    const bytes = await readFile(join(layout, "blobs", "sha256", digest.replace("sha256:", "")));
    expect(`sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`).toBe(digest);
    return bytes;
  };
  const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8"));
  expect(index.manifests[0].annotations).toEqual({ "io.containerd.image.name": "tke-eni.local/sample:1" });
  const manifest = JSON.parse((await read(index.manifests[0].digest)).toString());
  const config = JSON.parse((await read(manifest.config.digest)).toString());
  expect(config.config).toEqual({
    Entrypoint: ["/usr/bin/program"],
    Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANGUAGE=C"],
  });
  const layer = join(folder, "layer.tar");
  await writeFile(layer, await read(manifest.layers[0].digest));
  const listing = await runCommand(["tar", "--list", "--verbose", "--file", layer], { env: { TZ: "UTC" } });
  expect(
    listing
      .trim()
      .split("\n")
      .map((line) => line.replaceAll(/ +/g, " ")),
  ).toEqual([
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 ./",
    "lrwxrwxrwx 0/0 0 1970-01-01 00:00 ./bin -> usr/bin",
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 ./etc/",
    "-rw-r--r-- 0/0 6 1970-01-01 00:00 ./etc/motd",
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 ./usr/",
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 ./usr/bin/",
    "-rwxr-xr-x 0/0 10 1970-01-01 00:00 ./usr/bin/program",
  ]);
});

test("buildImage() builds the same content once, and to the same bytes", async () => {
  const tar = await buildImage(image);
  const [first, { ino }] = [await readFile(tar), await stat(tar)];
  expect((await stat(await buildImage(image))).ino).toBe(ino);
  await rm(tar);
  expect((await readFile(await buildImage(image))).equals(first)).toBe(true);
});

test("buildImage() replaces the image of other content, and leaves nothing else", async () => {
  const files = [...image.files, { path: "/etc/issue", content: "changed\n" }];
  const tar = await buildImage({ ...image, files });
  expect((await readdir(join(tar, ".."))).map((name) => join(tar, "..", name))).toEqual([tar]);
});

test("buildImage() refuses two files of one path", async () => {
  const files = [
    { path: "/a", content: "1" },
    { path: "/a", content: "2" },
  ];
  await expect(buildImage({ ...image, files })).rejects.toThrow("would have two files at /a");
});
