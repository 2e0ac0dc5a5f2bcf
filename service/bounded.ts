/** Bodies that have a longest length: who sends one may go on for ever. */

/** Lets bytes through up to a number, and fails with a `RangeError` at what comes beyond. */
export function bounded(maxBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let left = maxBytes;
  return new TransformStream({
    transform(chunk, controller) {
      left -= chunk.length;
      if (left >= 0) controller.enqueue(chunk);
      else controller.error(new RangeError(`an answer longer than ${maxBytes} bytes`));
    },
  });
}

/**
 * Reads a request's or a response's text, up to a number of bytes.
 *
 * @throws {RangeError} at what comes beyond; nothing more is read then
 */
export async function boundedText(message: Request | Response, maxBytes: number): Promise<string> {
  const { body } = message;
  if (body === null) return "";
  try {
    return await new Response(body.pipeThrough(bounded(maxBytes))).text();
  } catch (error) {
    if (!(error instanceof RangeError) || message instanceof Response) throw error;
    throw new RangeError(`The body is longer than ${maxBytes} bytes`);
  }
}
