/** `holdfast codec-server`: lets the Temporal UI show what is stored encrypted. */
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { createAdaptorServer } from '@hono/node-server';
import { readCodecKeys } from '../temporal/codec.ts';
import { createCodecApp } from '../temporal/codecServer.ts';
import { type Command, listenFault, portOf, UsageFault } from './command.ts';

const HELP = `holdfast codec-server [--listen PORT] [--host HOST] [--origin URL …]

Decrypts what Temporal stores, for the Temporal UI and the temporal command. It prints one line that
begins with "ready {" when it listens, and ends with Ctrl-C.

  --listen PORT  8081 unless said; 0 takes any free one
  --host HOST    127.0.0.1 unless said
  --origin URL   a page that may ask, such as the UI's; may be repeated. TEMPORAL_UI_URL unless said

Name it in the UI under its glasses icon, or to the server that shows the UI by
TEMPORAL_CODEC_ENDPOINT; to the command by --codec-endpoint.

It asks nobody for a password: put the log-in before it that stands before the UI.

Reads TEMPORAL_CODEC_KEYS and TEMPORAL_UI_URL.`;

const DEFAULT_PORT = '8081';
/** Where the Temporal development server shows its UI. */
const DEFAULT_ORIGIN = 'http://localhost:8233';

async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      listen: { type: 'string', default: DEFAULT_PORT },
      host: { type: 'string', default: '127.0.0.1' },
      origin: { type: 'string', multiple: true },
    },
  });
  const keys = readCodecKeys(process.env.TEMPORAL_CODEC_KEYS);
  if (keys === null)
    throw new UsageFault('TEMPORAL_CODEC_KEYS is to be set: nothing is encrypted.');
  const chosen = portOf('--listen', values.listen);
  const pages = values.origin ?? [process.env.TEMPORAL_UI_URL || DEFAULT_ORIGIN];
  const wrong = pages.find((page) => !URL.canParse(page));
  if (wrong !== undefined) throw new UsageFault(`--origin ${wrong} is no address of a page.`);
  const app = createCodecApp(
    keys,
    pages.map((page) => new URL(page).origin),
  );
  const server = createAdaptorServer({ fetch: app.fetch });
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error) => {
    reject(listenFault('The codec server', `${values.host}:${values.listen}`, error));
  });
  server.listen(chosen, values.host, () => {
    const { port } = server.address() as AddressInfo;
    process.stdout.write(`ready ${JSON.stringify({ codec: `http://${values.host}:${port}` })}\n`);
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => server.close(() => resolve()));
  }
  await ended;
  return 0;
}

export const CODEC_SERVER: Command = {
  about: 'lets the Temporal UI show what is stored encrypted',
  help: HELP,
  run,
};
