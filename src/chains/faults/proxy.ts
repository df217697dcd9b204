/**
 * A JSON-RPC server in front of one or more real nodes that does what nodes do on a bad day, on
 * command. Honest nodes stay behind it: what it says is theirs, but for the faults that were set.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { askNode, type Call, type Next, type Reply } from './call.ts';
import { createSchedule, type Schedule, type SetFault } from './schedule.ts';
import type { FaultInput, FaultKind } from './script.ts';

export interface ProxyOptions {
  /** JSON-RPC addresses of nodes; the first answers where no fault names another. */
  upstreams: readonly [string, ...string[]];
  faults?: readonly FaultInput[];
  /** Where `chance` takes its dice from; 1 by default. */
  seed?: number;
  /** 0 or left out: any free one. */
  port?: number;
  /** Told of every call that a fault struck. */
  onStrike?: (method: string, kinds: FaultKind[]) => void;
  /** Awaited before a node is asked; what it answers is called after that. */
  enter?: (call: { method: string; url: string }) => Promise<() => void>;
}

export interface FaultProxy {
  url: string;
  /** Sets a fault behind those that stand. */
  add(fault: FaultInput): SetFault;
  /** Takes all faults away. */
  clear(): void;
  /** How many calls came, of one method or of all. */
  calls(method?: string): number;
  stop(): Promise<void>;
}

/** Where faults are listed (GET), added (POST) and cleared (DELETE) while the proxy runs. */
const CONTROL_PATH = '/faults';

/**
 * Starts a proxy on 127.0.0.1.
 *
 * @throws where a fault is none, or the port is taken
 */
export async function startProxy(options: ProxyOptions): Promise<FaultProxy> {
  const { upstreams, faults = [], seed = 1, port = 0, onStrike = () => {}, enter } = options;
  const schedule = createSchedule(seed);
  for (const fault of faults) schedule.add(fault);
  const counts = new Map<string, number>();
  const toNode: Next = async (call, upstream = 0) => {
    const url = upstreams[upstream];
    if (url === undefined) return { status: 502 };
    const leave = await enter?.({ method: call.method, url });
    return askNode(url, call).finally(leave);
  };
  const answer = async (call: Call): Promise<Reply> => {
    counts.set(call.method, (counts.get(call.method) ?? 0) + 1);
    const struck = schedule.strikesOn(call);
    if (struck.length > 0) {
      onStrike(
        call.method,
        struck.map(({ kind }) => kind),
      );
    }
    const through = struck.reduceRight<Next>(
      (next, { strike }) =>
        (each, upstream) =>
          strike(each, (inner, other = upstream) => next(inner, other)),
      toNode,
    );
    return through(call);
  };
  const server = createServer((request, response) => {
    const handled =
      request.url === CONTROL_PATH
        ? control(schedule, request, response)
        : serve(answer, request, response);
    handled.catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: schedule.add,
    clear: schedule.clear,
    calls: (method) =>
      method === undefined
        ? [...counts.values()].reduce((sum, count) => sum + count, 0)
        : (counts.get(method) ?? 0),
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      // Callers of a silent call would be waited for without end.
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A call or a batch of them; what befalls the connection befalls the whole batch. */
async function serve(
  answer: (call: Call) => Promise<Reply>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asked = (await readJson(request)) as Call | Call[];
  const calls = Array.isArray(asked) ? asked : [asked];
  const replies = await Promise.all(calls.map(answer));
  for (const reply of replies) {
    if ('connection' in reply) {
      if (reply.connection === 'closed') response.destroy();
      return;
    }
    if ('status' in reply) return void response.writeHead(reply.status).end();
  }
  const bodies = replies.map((reply, at) => ({ jsonrpc: '2.0', id: calls[at]?.id, ...reply }));
  sendJson(response, 200, Array.isArray(asked) ? bodies : bodies[0]);
}

async function control(schedule: Schedule, request: IncomingMessage, response: ServerResponse) {
  try {
    if (request.method === 'POST') schedule.add((await readJson(request)) as FaultInput);
    if (request.method === 'DELETE') schedule.clear();
  } catch (error) {
    return sendJson(response, 400, { detail: (error as Error).message });
  }
  sendJson(response, 200, schedule.list());
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
