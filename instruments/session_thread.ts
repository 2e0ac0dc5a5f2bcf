/** The service of sessions on the instruments' thread. */
import type { SessionsFeature } from "../conformance/mod.ts";
import { shareThread } from "./thread.ts";

/** The service as it is steered from here. */
export interface SessionThread extends Pick<SessionsFeature, "answer" | "asked">, AsyncDisposable {
  readonly port: number;
}

/** Starts the service on the thread of the instruments: the script that asks it waits a fixed time, and then refuses. */
export async function startSessionThread(): Promise<SessionThread> {
  const share = await shareThread();
  try {
    const { id, port } = await share.call("startSessions", undefined);
    return {
      port,
      answer: (session, answer) => share.call("answerSession", { id, session, answer }),
      asked: (session) => share.call("askedSessions", { id, session }),
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
