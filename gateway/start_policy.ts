/** The policy stub of a gateway. */
import type { Policy } from "../policy/mod.ts";
import { loadModule, silent } from "../service/mod.ts";
import type { GatewayOptions } from "./options.ts";

/**
 * Entries of a journal that a person looks back at. An exchange is some kilobytes, so 10,000 of them would show in the
 * program's memory.
 */
export const JOURNAL_LIMIT = 1_000;

/** Starts the stub, unless a foreign engine stands in; its room is loaded when it is started. */
export async function startStub(options: GatewayOptions): Promise<Policy | undefined> {
  if (options.policy !== undefined) return undefined;
  const start = options.startPolicy ??
    (await loadModule<typeof import("../policy/mod.ts")>("policy/mod.ts")).startPolicy;
  return await start({
    host: "127.0.0.1",
    port: options.ports.policy ?? 0,
    ...(options.rulesFile === undefined ? {} : { rulesFile: options.rulesFile }),
    ...(options.providerKey === undefined ? {} : { providerKey: options.providerKey }),
    ...(options.scriptSecret === undefined ? {} : { scriptSecret: options.scriptSecret }),
    journalLimit: options.journalLimit ?? JOURNAL_LIMIT,
    log: options.log ?? silent,
  });
}
