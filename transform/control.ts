/** The control paths of the processor: what is kept of whom, shown and erased; and the prompt APIs, described. */
import { type ControlCall, type ControlRoute, controlRoutes, done } from "../local_http/mod.ts";
import { objectOf } from "./exchange.ts";
import { openApiOf } from "./openapi.ts";
import { cachePrefix } from "./steps/cache.ts";
import { sessionKey } from "./steps/context.ts";
import type { Store } from "./store/store.ts";
import type { TransformFile } from "./transform_schema.ts";

/** Parts that the control paths act on. */
export interface Controlled {
  readonly store: Store;
  /** The file that is in force. */
  readonly file: () => TransformFile;
}

type Call = ControlCall<Controlled>;

const SESSIONS: readonly ControlRoute<Controlled>[] = [
  { method: "GET", path: "sessions/:tenant", run: listSessions },
  { method: "DELETE", path: "sessions/:tenant", run: eraseTenant },
  { method: "GET", path: "sessions/:tenant/:id", run: showSession },
  { method: "DELETE", path: "sessions/:tenant/:id", run: eraseSession },
];
const CACHE: readonly ControlRoute<Controlled>[] = [
  { method: "DELETE", path: "", run: purgeCache },
];
const DESCRIPTION: readonly ControlRoute<Controlled>[] = [
  {
    method: "GET",
    path: "",
    run: ({ part, request }) => Response.json(openApiOf(part.file(), new URL(request.url).origin)),
  },
];

/** Returns handlers for `/__context/*`, `/__cache` and `/openapi.json`, by the paths of the control listener. */
export function transformControl(
  part: Controlled,
): Readonly<Record<string, (request: Request) => Promise<Response>>> {
  return {
    "/__context/*": controlRoutes("/__context/", SESSIONS, part),
    "/__cache": controlRoutes("/__cache", CACHE, part),
    "/openapi.json": controlRoutes("/openapi.json", DESCRIPTION, part),
  };
}

async function listSessions({ part: { store }, params: { tenant = "" } }: Call): Promise<Response> {
  const prefix = sessionKey(tenant, "");
  const keys = await store.keys(prefix);
  return Response.json({ tenant, sessions: keys.map((key) => key.slice(prefix.length)).sort() });
}

async function showSession({ part, params: { tenant = "", id = "" } }: Call): Promise<Response> {
  const found = await part.store.get(sessionKey(tenant, id));
  if (found === undefined) {
    return Response.json({ tenant, id, turns: [] }, { status: 404 });
  }
  const written = new Date(found.writtenAt).toISOString();
  return Response.json({ tenant, id, written, ...objectOf(found.value) });
}

async function eraseSession({ part, params: { tenant = "", id = "" } }: Call): Promise<Response> {
  await part.store.remove([sessionKey(tenant, id)]);
  return done();
}

async function eraseTenant({ part: { store }, params: { tenant = "" } }: Call): Promise<Response> {
  const erased = await store.remove(await store.keys(sessionKey(tenant, "")));
  return Response.json({ erased });
}

async function purgeCache({ part: { store }, query }: Call): Promise<Response> {
  const [tenant, model] = [query.get("tenant") ?? undefined, query.get("model") ?? undefined];
  const keys = await store.keys(cachePrefix(tenant, tenant === undefined ? undefined : model));
  // Without a tenant the model is not at the beginning of a key.
  const isMeant = (key: string) =>
    model === undefined || key.split(":")[2] === encodeURIComponent(model);
  // Questions that were compared say what a tenant asked; without their answers they are of no use.
  const questions = `semantic:${tenant === undefined ? "" : `${encodeURIComponent(tenant)}:`}`;
  if (model === undefined) await store.remove(await store.keys(questions));
  return Response.json({ purged: await store.remove(keys.filter(isMeant)) });
}
