/** Bodies of answers that have a longest length: who answers may go on for ever. */

/** Lets bytes through up to a number, and fails with what comes beyond. */
export function bounded(maxBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let left = maxBytes;
  return new TransformStream({
    transform(chunk, controller) {
      left -= chunk.length;
      if (left >= 0) controller.enqueue(chunk);
      else controller.error(new Error(`an answer longer than ${maxBytes} bytes`));
    },
  });
}

/** Reads a response's text, up to a number of bytes. Rejects with what comes beyond, and hangs up. */
export async function boundedText(response: Response, maxBytes: number): Promise<string> {
  const { body } = response;
  return body === null ? "" : await new Response(body.pipeThrough(bounded(maxBytes))).text();
}
