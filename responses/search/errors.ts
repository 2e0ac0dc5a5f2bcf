/** Errors of the search. */
import { ApiError } from "../api/errors.ts";

/** 400 `invalid_filter`: an attribute filter that cannot be used; `place` is where in it. */
export function invalidFilter(place: string, expected: string): ApiError {
  return new ApiError(400, "invalid_filter", `Invalid filter at '${place}': ${expected}`, place);
}

/** 503 `index_too_large`: vector stores that do not fit into the index's memory. */
export function indexTooLarge(what: string, mib: number): ApiError {
  const message = `${what} more than ${mib} MiB: raise search.memory_mib`;
  return new ApiError(503, "index_too_large", message);
}

/** 503 `backend_unavailable`: the model server does not say which models it has. */
export function noModelList(cause: string): ApiError {
  const message =
    `The model server does not say which of its models embeds (${cause}): start it, or name one ` +
    "in search.embedding_model";
  return new ApiError(503, "backend_unavailable", message);
}

/** 502 `backend_error`: embeddings that do not fit the texts. */
export function oddEmbeddings(model: string, vectors: number, texts: number): ApiError {
  const message =
    `The model server's embeddings (model ${model}) are ${vectors} vectors for ${texts} texts, or of ` +
    "different lengths";
  return new ApiError(502, "backend_error", message);
}
