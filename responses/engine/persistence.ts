/** How a response is kept in the store, as it goes and when it has ended. */
import type { ConversationItem, Item, ResponseObject } from "../api/objects.ts";
import type { CreateRequest } from "../api/request.ts";
import type { Tenant } from "../api/tenant.ts";
import type { NewResponse, Store } from "../store/store.ts";
import { gained, type Keeper } from "./run.ts";

/** For `store: false`: nothing is written, and nobody else can end it. */
export const KEEP_NOTHING: Keeper = {
  begin: () => Promise.resolve(),
  undo: () => Promise.resolve(),
  progress: () => Promise.resolve(true),
  end: () => Promise.resolve(true),
};

/** Keeps a response with its input, and what its conversation gains. */
export function persistence(
  store: Store,
  tenant: Tenant,
  request: CreateRequest,
  input: readonly Item[],
): Keeper {
  const entryOf = (response: ResponseObject): NewResponse => ({
    response,
    input,
    ...(request.conversation !== undefined || !response.conversation ? {} : {
      conversation: {
        id: response.conversation,
        object: "conversation",
        created_at: response.created_at,
        metadata: null,
      },
    }),
  });
  const itemsOf = (response: ResponseObject) => gained(input, response) as ConversationItem[];
  if (!request.stream && !request.background) {
    // Its id is told when it has ended, so nobody can ask for it, or end it, before.
    return {
      ...KEEP_NOTHING,
      async end(response) {
        await store.record(tenant, entryOf(response), itemsOf(response));
        return true;
      },
    };
  }
  return {
    begin: (response) =>
      // Of a stream, nothing but the end is promised to outlive the machine: the client sees a stream that broke.
      store.responses.insert(tenant, entryOf(response), { sync: request.background === true }),
    async undo({ id, conversation }) {
      await store.responses.delete(tenant, id);
      // One that was named was there before.
      if (conversation && request.conversation === undefined) {
        await store.conversations.delete(tenant, conversation);
      }
    },
    progress: (response) => store.responses.update(tenant, response),
    end: (response) => store.finish(tenant, response, itemsOf(response)),
  };
}
