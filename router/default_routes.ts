/** The built-in routes. */
import text from "./routes.json" with { type: "text" };

/** The routes used when no file is given: two models, chat and text completion. */
export const DEFAULT_ROUTES: { readonly file: string; readonly text: string } = {
  file: "router/routes.json",
  text,
};
