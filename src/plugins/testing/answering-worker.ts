// A server for those who wait for it in their only thread: it runs in a thread of its own, and tells what it was asked.
declare const self: Worker;

/** What the server is to do: answer by the script, raw bytes piece by piece; or answer nothing at all. */
export interface ServerScript {
  readonly socket: string;
  readonly answer: readonly string[];
}

/** A request as it came, or `undefined` once the server listens. */
export type Told = { readonly request: string } | "listening";

self.onmessage = ({ data }: MessageEvent<ServerScript>) => {
  Bun.listen({
    unix: data.socket,
    socket: {
      async data(socket, bytes) {
        self.postMessage({ request: bytes.toString() } satisfies Told);
        for (const piece of data.answer) {
          socket.write(piece);
          socket.flush();
          await Bun.sleep(1);
        }
        if (data.answer.length > 0) socket.end();
      },
    },
  });
  self.postMessage("listening" satisfies Told);
};
