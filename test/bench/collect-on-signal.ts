// Preloaded into a process whose memory is measured: on SIGUSR2 it frees what nothing refers to.
process.on("SIGUSR2", () => Bun.gc(true));
