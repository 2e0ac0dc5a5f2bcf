/** Routes that the model server answers itself: chat completions, completions and embeddings, passed on as they are. */
import { Hono } from "hono";
import { readBody } from "../api/body.ts";
import { tooLarge } from "../api/content_coding.ts";
import type { Operations, Resource, RouteEnv } from "../api/resource.ts";
import type { Backend } from "../backend/backend.ts";

const OPERATIONS: Operations = {
  "POST /v1/chat/completions": {
    summary: "A chat completion of the model server, as it answers it",
    answers: ["application/json", "text/event-stream"],
  },
  "POST /v1/completions": {
    summary: "A completion of the model server, as it answers it",
    answers: ["application/json", "text/event-stream"],
  },
  "POST /v1/embeddings": { summary: "Embeddings of the model server, as it answers them" },
};

/** Headers of the request that the model server needs to read its body. */
const REQUEST_HEADERS = ["content-type", "content-encoding", "accept"];

/** Headers of the answer that belong to its bytes, or tell the client what to do. */
const ANSWER_HEADERS = ["content-type", "content-encoding", "cache-control", "retry-after"];

/** Returns the routes. Neither a request nor an answer is read: they are the model server's own. */
export function modelRoutes(
  { backend, forwardHeaders = [] }: {
    readonly backend: Pick<Backend, "forward">;
    /** Headers of a request that the model server gets, too; lower case. */
    readonly forwardHeaders?: readonly string[];
  },
): Resource {
  const routes = new Hono<RouteEnv>();
  for (const route of Object.keys(OPERATIONS)) {
    const path = route.replace(/^POST /, "");
    routes.post(path, async (context) => {
      const { raw } = context.req;
      const body = await readBody(raw);
      if (body === undefined) throw tooLarge();
      const headers = Object.fromEntries([...REQUEST_HEADERS, ...forwardHeaders].flatMap((name) => {
        const value = raw.headers.get(name);
        return value === null ? [] : [[name, value]];
      }));
      const answer = await backend.forward(
        path.replace(/^\/v1/, ""),
        { body, headers },
        raw.signal,
      );
      const kept = ANSWER_HEADERS.flatMap((name): [string, string][] => {
        const value = answer.header(name);
        return value === undefined ? [] : [[name, value]];
      });
      return new Response(ReadableStream.from(copies(answer.body)), {
        status: answer.status,
        headers: kept,
      });
    });
  }
  return { path: "/", routes, operations: OPERATIONS };
}

/** A piece is the client's own only until the next one is read. */
async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield piece.slice();
}
