/** Requests of several tenants, for the cases of a Responses gateway. */
import type { CaseContext } from "../context.ts";

/** Lets policy vouch for a tenant in the next requests of a context. */
export function asTenant(t: CaseContext, tenant: string): CaseContext {
  t.policy.script({
    response: {
      status: { code: 0 },
      ok_response: {
        headers: [{
          header: { key: "x-tenant", value: tenant },
          append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
        }],
      },
    },
  });
  return t;
}
