/** The console of a gateway: loaded with the first request for it, so that no start pays for it. */
import type { Console, ConsoleFacts } from "../console/mod.ts";
import type { Policy } from "../policy/mod.ts";
import { loadModule } from "../service/mod.ts";
import type { Part } from "./profile.ts";
import type { RequestFeed } from "./requests.ts";

/** A console that is made when it is asked for. */
export interface ConsolePart extends Disposable {
  /** Returns the console; the first call makes it. */
  open(): Promise<Console>;
}

/** Returns the console of a gateway; `facts` is asked when somebody looks. */
export function consolePart(
  watched: { readonly policy: Policy | undefined; readonly part: Part; readonly feed: RequestFeed },
  facts: () => ConsoleFacts,
): ConsolePart {
  const { policy, part, feed } = watched;
  let opened: Promise<Console> | undefined;
  const make = async () => {
    const { createConsole } = await loadModule<typeof import("../console/mod.ts")>(
      "console/mod.ts",
    );
    return createConsole({
      policy,
      mocks: part.mocks,
      onRequest: (listener) => feed.onRequest(listener),
      facts,
    });
  };
  return {
    open: () => opened ??= make(),
    [Symbol.dispose]: () => void opened?.then((one) => one[Symbol.dispose]()),
  };
}
