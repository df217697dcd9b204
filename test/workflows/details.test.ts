import { describe, expect, it } from 'vitest';
import type { Group, Leg } from '../../src/contracts/resources.ts';
import { describeStart } from '../../src/temporal/startOptions.ts';
import { becauseOf, type DetailsView, renderDetails } from '../../workflows/details.ts';
import { detailsOf } from '../../workflows/reconcile.ts';

const group: Group = {
  id: 'transfer:shop:1',
  kind: 'transfer',
  status: 'IN_PROGRESS',
  reason: null,
  legs: [
    { leg: 1, wallet: 'a', asset: 'USD', type: 'DEBIT', amount: '5', settled: '2', remaining: '3' },
    {
      leg: 2,
      wallet: 'b',
      asset: 'USD',
      type: 'CREDIT',
      amount: '5',
      settled: '2',
      remaining: '3',
    },
  ],
  expiresAt: '2026-01-02T03:04:05.678901Z',
  createdAt: '2026-01-01T03:04:05.678901Z',
  finishedAt: null,
  reference: null,
  metadata: {},
  reverses: null,
};
const view: DetailsView = {
  groupId: group.id,
  group,
  status: 'IN_PROGRESS',
  opened: true,
  cancelAsked: false,
  lastRefusal: null,
};
const guidance = { next: 'It waits.', people: ['settle it'] };

describe('the current details of a saga', () => {
  it('say state, legs, deadline, what is next and what a person can do', () => {
    expect(renderDetails(view, guidance)).toBe(
      [
        '**In progress** · `transfer:shop:1`',
        '- leg 1: `a` −5 USD, 3 held, 2 settled\n- leg 2: `b` +5 USD, 3 pending, 2 settled',
        '**Deadline** 2026-01-02 03:04:05 UTC',
        '**Next** It waits.',
        '**You can**, under More Actions:',
        '- settle it',
      ].join('\n\n'),
    );
  });

  it('tell the last refusal in words', () => {
    const refusal = { code: 'UNBALANCED_GROUP', detail: 'The USD legs sum to 3.' } as const;
    const at = '2026-01-01T05:06:07.890Z';
    const lastRefusal = { act: 'settle', by: 'temporal-ui', at, refusal };
    expect(renderDetails({ ...view, lastRefusal }, guidance)).toContain(
      '**Refused** `settle` by temporal-ui at 2026-01-01 05:06:07 UTC: UNBALANCED_GROUP. ' +
        'The USD legs sum to 3.',
    );
  });

  it('say which legs were given back, whole or in part', () => {
    const [first, second] = group.legs as [Leg, Leg];
    const legs = [
      { ...first, settled: '0', remaining: '0' },
      { ...second, remaining: '0' },
    ];
    expect(renderDetails({ ...view, group: { ...group, legs } }, guidance)).toContain(
      '- leg 1: `a` −5 USD, given back\n- leg 2: `b` +5 USD, 2 settled, the rest given back',
    );
  });

  it('count the legs that they do not show', () => {
    const legs = Array.from({ length: 9 }, () => group.legs[0]!);
    expect(renderDetails({ ...view, group: { ...group, legs } }, guidance)).toContain(
      '- and 3 more legs',
    );
  });

  it('name how a group ended and show no deadline then', () => {
    const ended: Group = { ...group, status: 'CANCELLED', reason: 'EXPIRED' };
    const text = renderDetails({ ...view, group: ended, status: 'CANCELLED' }, guidance);
    expect(text).toContain('**Cancelled**: EXPIRED');
    expect(text).not.toContain('Deadline');
  });

  it('show a withdrawal where it goes and how far it is', () => {
    const withdrawal = {
      state: 'in_block' as const,
      destination: '0xAb',
      attempts: [],
      confirmations: 2,
    };
    expect(renderDetails({ ...view, group: { ...group, withdrawal } }, guidance)).toContain(
      '**To** `0xAb`, in_block, 2 confirmations',
    );
  });

  it('show what callers wrote as they wrote it, and as nothing more', () => {
    const withdrawal = {
      state: 'held' as const,
      destination: 'DE1`\n\n**Next** It was paid: [release](http://evil.example)',
      attempts: [],
      confirmations: 0,
    };
    const reason = '![x](http://evil.example)\n\n**Next** \\';
    const said = { id: 'withdrawal:shop:`*`', reason };
    const refusal = { code: 'DESTINATION_NOT_ALLOWED', detail: '<b>a\u2028b</b>' } as const;
    const lastRefusal = { act: 'settle', by: 'shop', at: '2026-01-01T05:06:07.890Z', refusal };
    const open = { ...view, groupId: said.id, lastRefusal };
    const text = renderDetails({ ...open, group: { ...group, ...said, withdrawal } }, guidance);
    expect(text.split('\n\n')).toEqual([
      '**In progress**: !\\[x\\](http\\://evil.example) \\*\\*Next\\*\\* \\\\ · ' +
        '`` withdrawal:shop:`*` ``',
      expect.stringContaining('- leg 1'),
      '**To** `` DE1` **Next** It was paid: [release](http://evil.example) ``, held',
      expect.stringContaining('**Deadline**'),
      expect.stringContaining('DESTINATION_NOT_ALLOWED. \\<b>a b\\</b>'),
      '**Next** It waits.',
      '**You can**, under More Actions:',
      '- settle it',
    ]);
  });
});

it('a contract that is to be paid tells operators nothing but its words', () => {
  const why = 'the chain would reject it: reverted: **Next** ![paid](http://evil)\n\n- x';
  expect(becauseOf(why)).toBe(
    ' The chain would reject it: reverted: \\*\\*Next\\*\\* !\\[paid\\](http\\://evil) - x.',
  );
  expect(becauseOf(null)).toBe('');
});

it('nor does a token that tells no balance', () => {
  const unreadable = 'The contract 0x1 tells no balance: reverted: [paid](http://evil) ~~x~~.';
  const amounts = { expected: '1', onChain: '1', missing: '0', surplus: '0' };
  const line = { asset: 'USDX', block: 7, ...amounts, places: [], pause: null, unreadable };
  expect(detailsOf({ lines: [line], above: [], paused: [] })).toContain(
    '**USDX was not compared.** The contract 0x1 tells no balance: reverted: ' +
      '\\[paid\\](http\\://evil) \\~\\~x\\~\\~.',
  );
});

it('a saga is started with what callers wrote as they wrote it', () => {
  const { staticSummary, staticDetails } = describeStart('reversal', {
    groupId: 'r',
    stepKey: 'create:shop:1',
    actor: { name: 'shop', admin: false },
    reverses: 'transfer:shop:_a_--[b](c)',
    client: '_shop_1',
    amount: null,
    legs: null,
    reason: 'wrong\n\n**Reason** <i>none</i> &lt; $5 of $10, ~~x~~ a_b _c_',
    acceptBy: null,
  });
  expect(staticSummary).toBe('Reverse what is left of `transfer:shop:_a_--[b](c)`');
  expect(staticDetails).toBe(
    'Asked for by \\_shop_1: wrong \\*\\*Reason\\*\\* \\<i>none\\</i> \\&lt; \\$5 of \\$10, ' +
      '\\~\\~x\\~\\~ a_b \\_c\\_',
  );
});
