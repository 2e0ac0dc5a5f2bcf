/** A scripted processor on the instruments' thread. */
import type { ProcessorScript } from "../conformance/mod.ts";
import { SharedLog } from "../service/mod.ts";
import type { ScriptedProcessor } from "./scripted_processor.ts";
import { shareThread } from "./thread.ts";
import type { ProcessorCommand } from "./worker.ts";

/** Bytes of scripts that may wait, as a power of 2. */
const COMMAND_BITS = 20;

/**
 * Starts the scripted processor on the thread of the instruments: the gateway waits a fixed time for it, too. A script is
 * in force when `set()` has returned.
 */
export async function startProcessorThread(): Promise<ScriptedProcessor> {
  const share = await shareThread();
  const memory = SharedLog.memory(COMMAND_BITS);
  const commands = new SharedLog(memory);
  try {
    const { id, port } = await share.call("startProcessor", { commands: memory });
    return {
      port,
      scripts: {
        set: (nonce: string, script: ProcessorScript) =>
          void commands.write({ set: nonce, script } satisfies ProcessorCommand),
        delete: (nonce) => void commands.write({ delete: nonce } satisfies ProcessorCommand),
      },
      async [Symbol.asyncDispose]() {
        using _ = share;
        await share.call("stop", id);
      },
    };
  } catch (error) {
    share[Symbol.dispose]();
    throw error;
  }
}
