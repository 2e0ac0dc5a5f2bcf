/** Templates of the report's page: whatever is put into one is escaped, unless it is markup itself. */
import { html as template, raw } from "hono/html";
import { jsx } from "hono/jsx";
import type { Create } from "../../../view/mod.ts";

/** Markup that is safe to put into another one. */
export type Html = ReturnType<typeof raw>;

/** Returns markup; values in it are escaped. None of ours is a promise, so neither is the result. */
export const html = template as (strings: TemplateStringsArray, ...values: unknown[]) => Html;

/** Markup that was made elsewhere, by us. */
export { raw };

/** Makes elements for what is drawn by `view/`. */
export const element = jsx as unknown as Create<Html>;
