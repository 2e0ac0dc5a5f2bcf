/** Changes of a running gateway's Envoy: of what can be told anew, and of what needs another Envoy. */
import {
  type ConfigChange,
  type EnvoyConfigFile,
  OLD_STREAMS_S,
  type RunningEnvoy,
} from "../envoy/mod.ts";
import { messageOf } from "../service/mod.ts";
import type { Profile } from "./profile.ts";

/** Path of the control listener that replaces Envoy, by POST. */
export const RESTART_PATH = "/envoy/restart";

/** The changes of one gateway. */
export class LiveChanges {
  readonly #profile: Pick<Profile, "config">;
  #own: EnvoyConfigFile | undefined;
  #envoy: RunningEnvoy | undefined;

  /** @param own the file that it starts with */
  constructor(profile: Pick<Profile, "config">, own: EnvoyConfigFile | undefined) {
    this.#profile = profile;
    this.#own = own;
  }

  /** Names the Envoy, once it runs. */
  attach(envoy: RunningEnvoy): void {
    this.#envoy = envoy;
  }

  /** Puts a file in force where that needs no listener. Throws `UsageError` when it is refused. */
  async change(own: EnvoyConfigFile): Promise<ConfigChange> {
    const change = this.#envoy?.change;
    if (change === undefined) throw new TypeError("The gateway was not started live");
    const done = await change(this.#profile.config(own));
    this.#own = own;
    return done;
  }

  /** Replaces Envoy, with the last file that was not refused. */
  async restart(): Promise<void> {
    const restart = this.#envoy?.restart;
    if (restart === undefined) throw new TypeError("The gateway was not started live");
    await restart(this.#profile.config(this.#own));
  }

  /** Answers on the control listener. */
  async answer(request: Request): Promise<Response> {
    await request.body?.cancel();
    if (request.method !== "POST") {
      return refusal(405, "Ask for it by POST", { allow: "POST" });
    }
    const before = this.#envoy?.pid;
    try {
      await this.restart();
    } catch (error) {
      return refusal(503, messageOf(error));
    }
    return Response.json({ before, pid: this.#envoy?.pid, old_streams_s: OLD_STREAMS_S });
  }
}

function refusal(status: number, message: string, headers: HeadersInit = {}): Response {
  const error = { message, type: "server_error", param: null, code: "not_restarted" };
  return Response.json({ error }, { status, headers });
}
