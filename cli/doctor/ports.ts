/** Checks of the doctor about the ports that `dev` wants. */
import { UnavailableError } from "../../service/mod.ts";
import { type Check, ok, problem } from "./finding.ts";

/** A port that `dev` will want. */
export interface WantedPort {
  readonly what: string;
  readonly flag: string;
  readonly host: string;
  readonly port: number;
}

/** Tries to take a port for a moment; throws UnavailableError that names the holder. */
export type PortProbe = (wanted: WantedPort) => Promise<void>;

/** Whether each port is free, and who has it. */
export function portChecks(wanted: readonly WantedPort[], assertFree: PortProbe): Check[] {
  return wanted.map((port) => ({
    id: `port ${port.port}`,
    run: async () => {
      const id = `port ${port.port}`;
      try {
        await assertFree(port);
        return [ok(id, `free (${port.what})`)];
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        const reason = error.message.split(": ")[1] ?? error.message;
        return [problem(
          id,
          `wanted for ${port.what}: ${reason}`,
          `stop the holder, or use ${port.flag}`,
        )];
      }
    },
  }));
}
