/** `holdfast chain proxy`: a node on a bad day, for whoever tests against a chain. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startProxy } from '../chains/faults/proxy.ts';
import { FAULT_KINDS, readScript } from '../chains/faults/script.ts';
import { isServiceUrl, SERVICE_URL } from '../contracts/environment.ts';
import { type Command, listenFault, portOf, UsageFault } from './command.ts';

const HELP = `holdfast chain proxy --upstream <url> [--upstream <url>] [options]

A JSON-RPC server in front of a real EVM node that does what nodes do on a bad
day. Point CHAIN_RPC_URL at it. It prints one line that begins with "ready {"
when it listens, a line for every call that a fault struck, and ends with Ctrl-C.

  --upstream <url>   a node; the first one answers where no fault names another
  --listen <port>    port on 127.0.0.1 (default: any free one)
  --script <file>    a JSON file with a list of faults
  --fault <json>     one fault; may be given several times
  --seed <number>    where "chance" takes its dice from (default: 1)

A fault is {"kind": "…"} and when it strikes:

  "methods": ["eth_getLogs"]   JSON-RPC methods (default: every one)
  "containing": "0xabc"        calls whose parameters hold this text
  "from": 2, "times": 3        of the matching calls, the second to the fourth
  "chance": 0.1                one in ten of those

Kinds: ${FAULT_KINDS.join(', ')}.

  {"kind": "delay", "milliseconds": 2000}
  {"kind": "dropAfter", "methods": ["eth_sendRawTransaction"], "times": 1}
  {"kind": "status", "status": 429, "chance": 0.2}
  {"kind": "error", "code": -32000, "message": "header not found"}
  {"kind": "answer", "methods": ["eth_chainId"], "result": "0x1"}
  {"kind": "partial", "methods": ["eth_getLogs"], "keep": 0}
  {"kind": "with", "methods": ["eth_getBlockReceipts"], "fields": {"status": "0x0"}}
  {"kind": "staleHead", "behind": 3, "times": 50}
  {"kind": "upstream", "upstream": 1, "chance": 0.5}
  {"kind": "gethPool", "percent": 10}

While it runs: GET <its url>/faults lists the faults and how often each struck,
POST adds one, DELETE takes all away.`;

/** The proxy as a command. */
export const CHAIN_PROXY: Command = {
  about: 'a JSON-RPC proxy with scripted faults, in front of a real node',
  help: HELP,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        upstream: { type: 'string', multiple: true, default: [] },
        listen: { type: 'string', default: '0' },
        script: { type: 'string' },
        fault: { type: 'string', multiple: true, default: [] },
        seed: { type: 'string', default: '1' },
      },
    });
    const [first, ...others] = values.upstream;
    if (first === undefined) throw new UsageFault('Name a node with --upstream.');
    // Not told: that of a node may hold a secret. With a password in it nothing would be handed on.
    if (!values.upstream.every(isServiceUrl)) throw new UsageFault(`--upstream is ${SERVICE_URL}.`);
    const ofFile = values.script === undefined ? [] : faultsOf(contentOf(values.script));
    const proxy = await startProxy({
      upstreams: [first, ...others],
      faults: [...ofFile, ...values.fault.flatMap((text) => faultsOf(text))],
      seed: wholeNumber('--seed', values.seed),
      port: portOf('--listen', values.listen),
      onStrike: (method, kinds) => process.stdout.write(`${method}: ${kinds.join(', ')}\n`),
    }).catch((error) => {
      throw listenFault('The proxy', values.listen, error);
    });
    process.stdout.write(`ready ${JSON.stringify({ rpc: proxy.url })}\n`);
    await new Promise<void>((resolve) => {
      process.once('SIGINT', () => resolve());
      process.once('SIGTERM', () => resolve());
    });
    await proxy.stop();
    return 0;
  },
};

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageFault(`--script cannot be read: ${(error as Error).message}.`);
  }
}

/** A fault or a list of them. */
function faultsOf(text: string) {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    throw new UsageFault(`This is not JSON: ${text}`);
  }
  try {
    return readScript(Array.isArray(read) ? read : [read]);
  } catch (error) {
    throw new UsageFault((error as Error).message);
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageFault(`${name} takes a whole number, not "${text}".`);
  return Number(text);
}
