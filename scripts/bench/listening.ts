/** Returns a port of loopback that nobody had a moment ago. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Resolves when somebody listens at HOST:PORT; rejects after 5 s. */
export async function untilListening(address: string): Promise<void> {
  const [hostname = "", port] = address.split(":");
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      (await Deno.connect({ hostname, port: Number(port) })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  throw new Error(`Cannot start a twin: nothing listens on ${address}`);
}
