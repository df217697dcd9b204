import { describe, expect, it } from 'vitest';
import type { Group, Leg } from '../../src/contracts/resources.ts';
import { type DetailsView, renderDetails } from '../../workflows/details.ts';

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
    expect(text).toContain('**Cancelled: EXPIRED**');
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
});
