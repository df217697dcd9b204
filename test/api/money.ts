/** Wallets with something in them, through the API. */
import { expect } from 'vitest';
import type { Answer, TestApi } from './testApi.ts';

/** Registers a chainless asset. */
export async function makeAsset(api: TestApi, code: string, scale = 2): Promise<void> {
  const { status } = await api.admin.post('/v1/assets', { code, scale });
  expect(status).toBe(201);
}

/** Opens a wallet of the asset and pays `amount` into it from outside. */
export async function openWallet(
  api: TestApi,
  id: string,
  asset: string,
  amount?: string,
): Promise<void> {
  const opened = await api.admin.post('/v1/wallets', { id, owner: `owner of ${id}`, asset });
  expect(opened.status).toBe(201);
  if (amount === undefined) return;
  const paid = await api.admin.post('/v1/transfers', {
    legs: [debit(`external:${asset}`, amount), credit(id, amount)],
  });
  expect(paid.status).toBe(201);
}

export function debit(wallet: string, amount: string) {
  return { wallet, type: 'DEBIT' as const, amount };
}

export function credit(wallet: string, amount: string) {
  return { wallet, type: 'CREDIT' as const, amount };
}

/** `[available, pendingIn, held]`, the way the scenarios write it. */
export async function balanceOf(api: TestApi, wallet: string): Promise<[string, string, string]> {
  const { body } = await api.admin.get(`/v1/wallets/${wallet}`);
  const { available, pendingIn, held } = body.balance;
  return [available, pendingIn, held];
}

/** Path of a group, with its id percent-encoded. */
export function pathOf(groupOrId: string | Answer, act = ''): string {
  const id = typeof groupOrId === 'string' ? groupOrId : groupOrId.body.id;
  return `/v1/transfers/${encodeURIComponent(id)}${act}`;
}

/** How an answer went wrong: status, code and pointers; a success has neither. */
export function faultOf({ status, body }: Answer): [number, string, ...string[]] {
  const pointers = (body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer);
  return [status, body.code, ...pointers];
}
