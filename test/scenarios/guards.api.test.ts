import { describe, expect, test } from 'vitest';
import { onApi } from './apiDriver.ts';
import { guards } from './guards.ts';
import { createWallets, done, move, parts, rows, tell } from './story.ts';

const on = onApi();

describe('by route', () => tell(guards, on));

describe('by update, as a person at the Temporal UI sends it', () => {
  const typed: Record<string, object> = {
    addLegs: { legs: [{ wallet: 'w', type: 'DEBIT', amount: '1' }] },
    settle: {},
    release: { reason: 'typed' },
    cancel: { reason: 'typed' },
    extend: { expiresIn: 60 },
    confirm: {},
    cancelDeposit: { reason: 'typed' },
    finalize: {},
    releaseWithdrawal: { reason: 'typed' },
  };
  const own: Record<string, string[]> = {
    transfer: ['addLegs', 'settle', 'release', 'cancel', 'extend'],
    deposit: ['confirm', 'cancelDeposit'],
    withdrawal: ['finalize', 'releaseWithdrawal'],
  };

  test('no update of another kind moves a group', async () => {
    const [wallet, other] = await createWallets(on, ['30', '0']);
    for (const group of [
      done(await on.hold(move(wallet, other, '5'))),
      done(await on.deposit(wallet, '5')),
      done(await on.withdraw(wallet, '5')),
    ]) {
      const handle = on.temporal.workflow.getHandle(group.id);
      for (const [update, input] of Object.entries(typed)) {
        if (own[group.kind]?.includes(update)) continue;
        const sent = handle.executeUpdate(update, { args: [input] });
        await expect(sent, `${update} on a ${group.kind}`).rejects.toMatchObject({
          cause: { type: 'WRONG_KIND' },
        });
      }
      expect(await rows(on, group.id)).toHaveLength(2);
      expect((await on.group(group.id)).status).toBe('IN_PROGRESS');
    }
    expect(await parts(on, wallet)).toEqual(['20', '5', '10']);
  });
});

describe('by signal, the button of the Temporal UI', () => {
  test('a button means the act of the kind, or is refused and told in the timeline', async () => {
    const [wallet] = await createWallets(on, ['30']);
    const deposit = done(await on.deposit(wallet, '5'));
    const out = done(await on.withdraw(wallet, '5'));
    await on.temporal.workflow.getHandle(deposit.id).signal('release', 'pressed');
    await on.temporal.workflow.getHandle(out.id).signal('cancel', 'pressed');
    for (const [id, button] of [
      [deposit.id, 'release'],
      [out.id, 'cancel'],
    ] as const) {
      await expect
        .poll(() => timelineOf(id))
        .toContainEqual(
          expect.objectContaining({
            event: `signal.${button}`,
            actor: 'temporal-ui',
            reason: 'pressed',
            detail: { refused: expect.objectContaining({ code: 'WRONG_KIND' }) },
          }),
        );
      expect((await on.group(id)).status).toBe('IN_PROGRESS');
    }
    await on.temporal.workflow.getHandle(deposit.id).signal('settle', 'pressed');
    await on.temporal.workflow.getHandle(out.id).signal('release', 'pressed');
    await expect.poll(async () => (await on.group(deposit.id)).status).toBe('SETTLED');
    await expect.poll(async () => (await on.group(out.id)).status).toBe('RELEASED');
    expect(await parts(on, wallet)).toEqual(['35', '0', '0']);
  });
});

async function timelineOf(id: string): Promise<unknown[]> {
  const client = await on.http();
  return (await client.get(`/v1/transfers/${encodeURIComponent(id)}/timeline`)).body.data;
}
