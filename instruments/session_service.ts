/** A service that knows the messages of sessions, as the cases tell it: a Lua script of Envoy's asks it. */
import type { SessionAnswer } from "../conformance/mod.ts";

/** The running service. A session that nobody has told it about has no messages. */
export interface SessionService extends AsyncDisposable {
  readonly port: number;
  /** Sets the answer about a session, `TENANT/SESSION`. */
  answer(session: string, answer: SessionAnswer): void;
  /** Returns each question about a session of any tenant, as `TENANT/SESSION`. */
  asked(session: string): string[];
}

/** Starts the service on a free port of loopback. */
export function startSessionService(): SessionService {
  const answers = new Map<string, SessionAnswer>();
  const asked: string[] = [];
  const silence = Promise.withResolvers<Response>();
  const over = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, signal: over.signal },
    ({ url }) => {
      const session = new URL(url).pathname.replace(/^\/context\//, "");
      asked.push(session);
      const answer = answers.get(session) ?? { body: "[]" };
      if (answer === "silence") return silence.promise;
      return new Response(answer.body, { status: answer.status ?? 200 });
    },
  );
  return {
    port: server.addr.port,
    answer: (session, answer) => void answers.set(session, answer),
    asked: (session) => asked.filter((one) => one.endsWith(`/${session}`)),
    // Silence ends first, since a server waits for every answer that it owes.
    async [Symbol.asyncDispose]() {
      silence.resolve(new Response(null, { status: 503 }));
      over.abort();
      await server.finished;
    },
  };
}
