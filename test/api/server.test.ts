import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpenAPIHono } from '@hono/zod-openapi';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { App } from '../../src/api/app.ts';
import type { ApiEnv } from '../../src/api/context.ts';
import { type HttpServer, startServer } from '../../src/api/server.ts';
import { ADMIN_KEY, createTestApi, type TestApi } from './testApi.ts';

/** Without its bound a stop waits for 35 s, and Node for a kept connection for as long as it is. */
const SOON_MS = 10_000;
const ANY_PORT = { host: '127.0.0.1', port: 0 };

let api: TestApi;
const servers: HttpServer[] = [];

beforeAll(async () => {
  api = await createTestApi();
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(0);
});

async function serve(app: App, address = ANY_PORT): Promise<HttpServer> {
  const server = await startServer(app, address);
  servers.push(server);
  return server;
}

/** An app whose one route takes so long; `asked` once the first request is there. */
function slowApp(ms: number): { app: App; asked: Promise<void> } {
  const app = new OpenAPIHono<ApiEnv>();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  app.get('/slow', async (c) => {
    resolve();
    await sleep(ms);
    return c.text('done');
  });
  return { app, asked };
}

describe('startServer', () => {
  test('listens on a free port and answers over a socket', async () => {
    const { url } = await serve(api.app);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  });

  test('answers the health checks of HTTP/1.0, which name no host', async () => {
    const { url } = await serve(api.app);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET /health/live HTTP/1.0\r\n\r\n');
    const chunks = await socket.toArray();
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test('says which port is in use and what to do', async () => {
    const { url } = await serve(api.app);
    const port = Number(new URL(url).port);
    await expect(serve(api.app, { ...ANY_PORT, port })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: is in use; set PORT`,
    );
  });

  test('passes ids, empty bodies and large bodies as they come', async () => {
    const { url } = await serve(api.app);
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
    const group = await fetch(`${url}/v1/transfers/${encodeURIComponent('no:a/b?c%d#e')}`, {
      headers,
    });
    expect(await group.text()).toContain('no:a/b?c%d#e');
    const empty = await fetch(`${url}/v1/wallets`, { method: 'POST', headers });
    expect(await empty.json()).toMatchObject({
      errors: [{ pointer: '/owner' }, { pointer: '/asset' }],
    });
    const body = JSON.stringify({ owner: 'x'.repeat(1024 * 1024) });
    const large = await fetch(`${url}/v1/wallets`, { method: 'POST', headers, body });
    expect(large.status).toBe(413);
    const stream = new Blob([body]).stream();
    const init = { method: 'POST', headers, body: stream, duplex: 'half' } as RequestInit;
    expect((await fetch(`${url}/v1/wallets`, init)).status).toBe(413);
  });
});

describe('a body that nobody reads', () => {
  const KIB = 1024;
  /** Each finds a connection that the one before it has left. */
  const ENOUGH_TO_MEET = 20;

  test('leaves its connection to the next request', async () => {
    const { url } = await serve(api.app);
    const statuses = async (to: string, headers: Record<string, string>, bytes: number) => {
      const seen = new Set<number>();
      for (let sent = 0; sent < ENOUGH_TO_MEET; sent++) {
        const answer = await fetch(to, { method: 'POST', headers, body: 'x'.repeat(bytes) });
        await answer.text();
        seen.add(answer.status);
      }
      return seen;
    };
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
    expect(await statuses(`${url}/v1/wallets`, headers, 2048 * KIB)).toEqual(new Set([413]));
    expect(await statuses(`${url}/v1/nothing`, headers, 900 * KIB)).toEqual(new Set([404]));
    expect(await statuses(`${url}/v1/wallets`, {}, 900 * KIB)).toEqual(new Set([401]));
  });
});

describe('stop', () => {
  test('lets requests in flight end and takes no new ones', async () => {
    const { app, asked } = slowApp(300);
    const server = await serve(app);
    const inFlight = fetch(`${server.url}/slow`);
    await asked;
    const stopped = server.stop();
    await expect(fetch(`${server.url}/slow`)).rejects.toThrow();
    expect(await (await inFlight).text()).toBe('done');
    await stopped;
  });

  test('does not wait for a kept connection once its last answer is sent', async () => {
    const { app, asked } = slowApp(300);
    const server = await serve(app);
    const { host, port } = new URL(server.url);
    const kept = connect(Number(port), '127.0.0.1');
    kept.write(`GET /slow HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive\r\n\r\n`);
    await asked;
    const begun = Date.now();
    const [answer] = await Promise.all([once(kept, 'data'), server.stop()]);
    expect(String(answer[0])).toContain('HTTP/1.1 200');
    expect(Date.now() - begun).toBeLessThan(SOON_MS);
  });

  test('says on kept connections that they end, and answers what was sent on them', async () => {
    const { app, asked } = slowApp(100);
    const server = await serve(app);
    const { host, port } = new URL(server.url);
    const get = `GET /slow HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const [busy, idle] = [connect(Number(port), '127.0.0.1'), connect(Number(port), '127.0.0.1')];
    idle.write(get);
    expect(String(await once(idle, 'data'))).not.toContain('connection: close');
    busy.write(get);
    await asked;
    const stopped = server.stop();
    idle.write(get);
    const answers = await Promise.all([busy, idle].map((socket) => socket.toArray()));
    for (const chunks of answers) {
      expect(Buffer.concat(chunks).toString()).toMatch(
        /^HTTP\/1\.1 200 OK\r\n(.+\r\n)*connection: close\r\n(.+\r\n)*\r\ndone$/i,
      );
    }
    await stopped;
  });

  test('does not wait for connections that ask nothing', async () => {
    const server = await serve(slowApp(0).app);
    const { port } = new URL(server.url);
    const idle = connect(Number(port), '127.0.0.1');
    await fetch(`${server.url}/slow`);
    const begun = Date.now();
    await server.stop();
    expect(Date.now() - begun).toBeLessThan(SOON_MS);
    idle.destroy();
  });

  test('cuts what takes longer than the bound', async () => {
    const { app, asked } = slowApp(60_000);
    const server = await serve(app);
    const inFlight = fetch(`${server.url}/slow`);
    inFlight.catch(() => {});
    await asked;
    const begun = Date.now();
    await server.stop(200);
    expect(Date.now() - begun).toBeLessThan(SOON_MS);
    await expect(inFlight).rejects.toThrow();
  });
});
