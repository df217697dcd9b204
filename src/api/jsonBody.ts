import { createMiddleware } from 'hono/factory';
import { textFault } from '../contracts/texts.ts';
import { Problem } from './problem.ts';
import { pointerOf } from './validation.ts';

/** Deep enough for any metadata; shallow enough for every recursion between here and Postgres. */
const MAX_DEPTH = 32;

/** `application/json` and `application/*+json`, with parameters. */
const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;.*)?$/i;

/** JSON is UTF-8 (RFC 8259); letters of another charset would be read as others, and stored. */
const OTHER_CHARSET = /;\s*charset\s*=(?!\s*"?(utf-?8|us-ascii)\b)/i;

/** A body is read as it comes: packed bytes are no text, and what is in them may be too much. */
const NOT_PACKED = /^identity$/i;

/** A schema would leave this name out without a word, as what it is to objects of JavaScript. */
const RESERVED_NAME = '__proto__';

/** Why a member's name cannot be kept, in a sentence, or null: it can. */
function nameFault(name: string): string | null {
  return name === RESERVED_NAME ? `A field cannot be called ${name}.` : textFault(name);
}

/** Bytes that are no UTF-8 are a fault here, not the letter U+FFFD. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** What the body says. JSON is UTF-8; a byte order mark before it is no part of it. */
function parse(bytes: ArrayBuffer): unknown {
  let text: string;
  try {
    text = UTF_8.decode(bytes);
  } catch {
    throw new Problem('INVALID_REQUEST', 'The body is not valid UTF-8.');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem('INVALID_REQUEST', 'The body is not valid JSON.');
  }
}

/** The first value that cannot be stored as it is, anywhere in the body. */
function refuseUnstorable(value: unknown, path: PropertyKey[]): void {
  const refuse = (detail: string): never => {
    const pointer = pointerOf(path);
    throw new Problem('INVALID_REQUEST', detail, { errors: [{ pointer, detail }] });
  };
  if (path.length > MAX_DEPTH) refuse(`JSON deeper than ${MAX_DEPTH} levels is not taken.`);
  if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) {
    refuse('A number is a double, which this one is too large for: send a text.');
  }
  if (typeof value === 'string') {
    const fault = textFault(value);
    if (fault !== null) refuse(fault);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      const fault = Array.isArray(value) ? null : nameFault(key);
      if (fault !== null) refuse(fault);
      refuseUnstorable(member, [...path, Array.isArray(value) ? Number(key) : key]);
    }
  }
}

/**
 * Stands before a route's schema: another media type is 415, and so is a packed body; bytes that
 * are no JSON are 400, and so is JSON that no column could hold as it is. An absent body reads as
 * `{}`, so that the schema names what is missing in it.
 */
export const jsonBody = createMiddleware(async (c, next) => {
  const type = c.req.header('content-type');
  const bytes = await c.req.arrayBuffer();
  if (bytes.byteLength === 0) {
    // Without a media type the library reads no body as `{}`; with one it would parse the text.
    c.req.raw.headers.delete('content-type');
    return next();
  }
  if (type === undefined || !JSON_TYPE.test(type) || OTHER_CHARSET.test(type)) {
    throw new Problem(
      'UNSUPPORTED_MEDIA_TYPE',
      `Send the body as application/json in UTF-8${type === undefined ? '.' : `, not as ${type}.`}`,
    );
  }
  const packing = c.req.header('content-encoding');
  if (packing && !NOT_PACKED.test(packing)) {
    throw new Problem(
      'UNSUPPORTED_MEDIA_TYPE',
      `Send the body as it is, without Content-Encoding: ${packing}.`,
    );
  }
  refuseUnstorable(parse(bytes), []);
  // The library knows fewer ways to write the same type, such as none with a blank before the `;`.
  c.req.raw.headers.set('content-type', 'application/json');
  return next();
});
