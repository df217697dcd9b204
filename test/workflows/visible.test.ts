import { beforeAll, describe, expect, it } from 'vitest';
import { SEARCH_ATTRIBUTE } from '../../src/contracts/sagas.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { createWallet } from '../../src/ledger/wallets.ts';
import { actInput, holdInput, leg, transferInput, withdrawalInput } from './inputs.ts';
import { createWorld, eventually, WAIT_MS, type World, wallet } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});

interface Metadata {
  currentDetails: string;
  definition: Record<
    'signalDefinitions' | 'updateDefinitions' | 'queryDefinitions',
    { name: string; description: string }[]
  >;
}

const handleOf = (groupId: string) => world.sagas.client.workflow.getHandle(groupId);
/** What the UI asks a workflow for when its page is opened. */
const metadataOf = (groupId: string) =>
  handleOf(groupId).query<Metadata>('__temporal_workflow_metadata');

async function idsOf(query: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of world.sagas.client.workflow.list({ query })) {
    ids.push(workflowId);
  }
  return ids.sort();
}

describe('what an operator sees of a saga', () => {
  it('is found by wallet, asset, kind, amount and status, while it runs and after', async () => {
    const [from, to] = [await wallet(world, '100'), await wallet(world, '0')];
    const hold = holdInput('found', from, to, '12.5');
    const withdrawal = withdrawalInput('found', from);
    const { gateway } = world.sagas;
    await gateway.start('transfer', hold, WAIT_MS);
    await gateway.start('withdrawal', withdrawal, WAIT_MS);
    const both = [hold.groupId, withdrawal.groupId];
    const held = `HoldfastWallet = "${from}" AND HoldfastStatus = "IN_PROGRESS"`;
    await eventually(
      () => idsOf(`${held} AND HoldfastAsset = "USD"`),
      (ids) => ids.join() === both.join(),
    );
    expect(await idsOf(`${held} AND HoldfastKind = "withdrawal"`)).toEqual([withdrawal.groupId]);
    expect(await idsOf(`HoldfastWallet = "${to}"`)).toEqual([hold.groupId]);
    expect(await idsOf('HoldfastAmount = "12.5"')).toEqual([hold.groupId]);
    await handleOf(hold.groupId).signal('cancel', 'seen');
    await eventually(
      () => idsOf(`HoldfastWallet = "${from}" AND HoldfastStatus = "CANCELLED"`),
      (ids) => ids.join() === hold.groupId,
    );
  });

  it('is found by some of very many assets, and ends as any other', async () => {
    const codes = Array.from({ length: 70 }, (_, n) => `ASSET-OF-A-LONG-CODE-NUMBER-${n + 100}`);
    const legs = codes.map((code) => leg(`of-${code}`, 'CREDIT', '1'));
    for (const code of codes) {
      await createAsset(world.db, { code, scale: 2 });
      await createWallet(world.db, { id: `of-${code}`, owner: 'many', asset: code });
    }
    const { gateway } = world.sagas;
    const manual = { settle: 'manual', expiresIn: 3600 } as const;
    const late = transferInput('assets later', [], manual);
    await gateway.start('transfer', late, WAIT_MS);
    await gateway.act(
      'addLegs',
      actInput<'addLegs'>('addLegs', late.groupId, '1', { legs }),
      WAIT_MS,
    );
    // As the sweeper starts one: nobody tells it the assets.
    const early = transferInput('assets at once', legs, manual);
    await gateway.start('transfer', early, WAIT_MS);
    for (const { groupId } of [late, early]) {
      await handleOf(groupId).signal('cancel', 'seen');
      expect(await handleOf(groupId).result()).toMatchObject({ status: 'CANCELLED' });
    }
    const found = await handleOf(early.groupId).describe();
    expect(found.typedSearchAttributes.get(SEARCH_ATTRIBUTE.asset)).toEqual(codes.slice(0, 25));
  });

  it('names what it stands at in its stack trace, in few frames', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = holdInput('trace', from, to, '10');
    await world.sagas.gateway.start('transfer', input, WAIT_MS);
    const trace = await handleOf(input.groupId).query<string>('__stack_trace');
    expect(trace).toContain('waitForChange');
    expect(trace, 'a step that has ended is not waited for').not.toContain('firstStep');
    // What a race makes for itself is not a wait of its own.
    expect(trace).not.toContain('Promise.race');
    // A frame of a promise costs more than the promise: see workflows/stackTraces.ts.
    const longest = Math.max(...trace.split('\n\n').map((each) => each.split('\n').length));
    expect(longest).toBeLessThanOrEqual(4);
  });

  it('says at a glance who moves how much to whom, and who asked for it', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = holdInput('glance', from, to, '10', { reference: 'order 7' });
    await world.sagas.gateway.start('transfer', input, WAIT_MS);
    const description = await handleOf(input.groupId).describe();
    expect(await description.staticSummary()).toBe(`Hold 10: ${from} → ${to}`);
    expect(await description.staticDetails()).toBe('Asked for by shop.\n\nReference `order 7`');
  });

  it('tells state, deadline, what is next and what to do, and keeps it up to date', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = holdInput('current', from, to, '10');
    await world.sagas.gateway.start('transfer', input, WAIT_MS);
    const { group } = await handleOf(input.groupId).query<{ group: { expiresAt: string } }>(
      'status',
    );
    const deadline = `${group.expiresAt.slice(0, 19).replace('T', ' ')} UTC`;
    const { currentDetails } = await metadataOf(input.groupId);
    expect(currentDetails).toContain(`**In progress** · \`${input.groupId}\``);
    expect(currentDetails).toContain(`leg 1: \`${from}\` −10 USD, 10 held`);
    expect(currentDetails).toContain(`**Deadline** ${deadline}`);
    expect(currentDetails).toContain('given back with the reason EXPIRED');
    expect(currentDetails).toContain('signal `settle`');
    const settle = actInput<'settle'>('settle', input.groupId, '1', {
      legs: [{ leg: 1, amount: '3' }],
      final: false,
    });
    await world.sagas.gateway.act('settle', settle, WAIT_MS);
    expect((await metadataOf(input.groupId)).currentDetails).toContain(
      '**Refused** `settle` by shop',
    );
    await handleOf(input.groupId).signal('release', 'done here');
    await handleOf(input.groupId).result();
    expect((await metadataOf(input.groupId)).currentDetails).toContain('**Released**: done here');
  });

  it('describes every signal, update and query', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = transferInput('described', [leg(from, 'DEBIT', '1'), leg(to, 'CREDIT', '1')]);
    await world.sagas.gateway.start('transfer', input, WAIT_MS);
    const { definition } = await metadataOf(input.groupId);
    const ours = Object.values(definition)
      .filter(Array.isArray)
      .flat()
      .filter(({ name }) => !name.startsWith('__'));
    expect(ours.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['status', 'settle', 'release', 'cancel', 'extend', 'finalize']),
    );
    expect(ours.filter(({ description }) => !description)).toEqual([]);
  });
});

describe('the history of a saga', () => {
  async function summariesOf(id: string): Promise<string[]> {
    const { events } = await handleOf(id).fetchHistory();
    const { payloadConverter } = world.sagas.client.options.loadedDataConverter;
    return (events ?? []).flatMap(({ userMetadata }) =>
      userMetadata?.summary ? [payloadConverter.fromPayload<string>(userMetadata.summary)] : [],
    );
  }

  it('says at each step and timer what it is for', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = holdInput('summaries', from, to, '10');
    const { gateway } = world.sagas;
    await gateway.start('transfer', input, WAIT_MS);
    const settle = actInput<'settle'>('settle', input.groupId, '1', { legs: null, final: true });
    await gateway.act('settle', settle, WAIT_MS);
    await handleOf(input.groupId).result();
    expect(await summariesOf(input.groupId)).toEqual([
      `Hold 10: ${from} → ${to}`,
      'Hold',
      'Deadline: give back what is held',
      'settle, asked for by shop',
      'Deadline: give back what is held', // the timer's end
    ]);
  });

  it('says where to as it was written, with marks where the UI reads Markdown alone', async () => {
    const from = await wallet(world, '10');
    const input = withdrawalInput('marks', from, {
      amount: '10',
      destination: '_DE1_ *2*\n[3] `4`',
    });
    await world.sagas.gateway.start('withdrawal', input, WAIT_MS);
    const said = await eventually(
      () => summariesOf(input.groupId),
      ({ length }) => length > 1,
    );
    expect(said.slice(0, 2)).toEqual([
      `Withdraw 10 from ${from} to \`\` _DE1_ *2* [3] \`4\` \`\``,
      `Hold 10 of ${from} for _DE1_ *2* [3] \`4\``,
    ]);
  });
});
