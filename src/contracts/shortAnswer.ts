/** Answers of services that are asked over HTTP: read whole, or not at all. */

/**
 * The body as text. One that does not end, or that nobody meant for us, would else be kept in
 * memory until its time-out: gigabytes, of which a few end the process.
 *
 * @param mostBytes far above what an answer needs
 * @throws RangeError where more comes; the connection is closed then
 */
export async function readShortAnswer(response: Response, mostBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    // Leaving the loop ends the body.
    if (bytes > mostBytes) throw new RangeError(`The answer is longer than ${mostBytes} bytes.`);
    parts.push(part);
  }
  // As `text()` reads it: a byte order mark before it is no part of it.
  return new TextDecoder().decode(Buffer.concat(parts));
}
