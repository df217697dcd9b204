/**
 * Decrypts for the Temporal UI and the `temporal` command what Holdfast has Temporal store. They
 * ask by the protocol of https://docs.temporal.io/codec-server: payloads in, payloads out.
 */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { z } from 'zod';
import { type CodecKeys, createCodec } from './codec.ts';

/** A page of a history; Temporal takes no payload above 2 MB. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

const body = z.object({
  payloads: z.array(
    z.object({
      metadata: z.record(z.string(), z.base64()).default({}),
      data: z.base64().default(''),
    }),
  ),
});

/**
 * `POST /decode` and `POST /encode`.
 *
 * It asks nobody who they are: whoever reaches it, and has what Temporal stores, can read it.
 *
 * @param origins of pages whose scripts may ask, such as that of the Temporal UI; a request that
 *   names another one gets 403, one that names none is no browser's
 */
export function createCodecApp(keys: CodecKeys, origins: readonly string[]): Hono {
  const app = new Hono();
  const codec = createCodec(keys);
  app.use(async (c, next) => {
    const origin = c.req.header('origin');
    if (origin !== undefined && !origins.includes(origin)) {
      return c.json({ message: `${origin} is not among the origins that may ask.` }, 403);
    }
    return next();
  });
  app.use(cors({ origin: [...origins], allowMethods: ['POST'], credentials: true }));
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES }));
  for (const verb of ['decode', 'encode'] as const) {
    app.post(`/${verb}`, async (c) => {
      const asked = body.safeParse(await c.req.json().catch(() => null));
      if (!asked.success) {
        return c.json({ message: 'A JSON object with `payloads` is expected.' }, 400);
      }
      try {
        const answer = await codec[verb](asked.data.payloads.map(bytesOf));
        return c.json({ payloads: answer.map(textOf) });
      } catch (error) {
        return c.json({ message: (error as Error).message }, 400);
      }
    });
  }
  return app;
}

type Payload = Awaited<ReturnType<ReturnType<typeof createCodec>['decode']>>[number];
type PayloadText = z.infer<typeof body>['payloads'][number];

/** From protobuf's JSON, where bytes are base64. */
function bytesOf({ metadata, data }: PayloadText): Payload {
  const values = Object.entries(metadata).map(([name, text]) => [
    name,
    Buffer.from(text, 'base64'),
  ]);
  return { metadata: Object.fromEntries(values), data: Buffer.from(data, 'base64') };
}

function textOf({ metadata, data }: Payload): PayloadText {
  const values = Object.entries(metadata ?? {}).map(([name, bytes]) => [
    name,
    Buffer.from(bytes).toString('base64'),
  ]);
  return { metadata: Object.fromEntries(values), data: Buffer.from(data ?? []).toString('base64') };
}
