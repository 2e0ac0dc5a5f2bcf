/** `/v1/batches`, in shape: a batch is taken, and when it is asked for again it is done (API reference, "Batch"). */
import { z } from "zod";
import { type Answer, createdOf, type EndpointCall, reply } from "../answer.ts";
import { parseBody } from "../request_body.ts";

const BATCH = z.looseObject({
  input_file_id: z.string().min(1),
  endpoint: z.string().min(1),
  completion_window: z.string().min(1),
  metadata: z.record(z.string(), z.string()).nullish(),
});

/** Answers a new batch, or the list, which is empty: the mock keeps nothing. */
export function batches(call: EndpointCall): Answer {
  if (call.body === undefined) {
    return reply({ object: "list", data: [], has_more: false, first_id: null, last_id: null });
  }
  const request = parseBody(BATCH, call.body);
  return reply(
    shape(call, { id: `batch_${call.random.hex(24)}`, status: "validating", ...request }),
  );
}

/** Answers a batch of that id, done, or cancelled when that is asked. */
export function batch(call: EndpointCall): Answer {
  const cancelled = call.path.endsWith("/cancel");
  return reply(shape(call, {
    id: call.params.batch ?? "",
    status: cancelled ? "cancelling" : "completed",
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
    input_file_id: "file-mock",
    ...(cancelled ? {} : { output_file_id: "file-mock-output" }),
  }));
}

function shape(call: EndpointCall, fields: object) {
  const created_at = createdOf(call.random);
  return {
    object: "batch",
    errors: null,
    output_file_id: null,
    error_file_id: null,
    created_at,
    expires_at: created_at + 86_400,
    request_counts: { total: 1, completed: 0, failed: 0 },
    metadata: null,
    ...fields,
  };
}
