/** Hooks without a socket: who may send them by configuration, and what a body points at. */
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { namedTransactions } from '../../src/hooks/namedTransactions.ts';

const OLD = 'the-old-secret-of-a-provider';
const TXID = `0x${'a1'.repeat(32)}`;

describe('a configuration', () => {
  test('that is wrong is refused by its place, without its secrets', () => {
    const env = { DATABASE_URL: 'postgres://d', TEMPORAL_ADDRESS: 't', HOLDFAST_ADMIN_KEY: 'k' };
    const faultWith = (value: object | string) => () =>
      readConfig({
        ...env,
        CHAIN_HOOKS: typeof value === 'string' ? value : JSON.stringify(value),
      });
    expect(faultWith('{')).toThrow(/CHAIN_HOOKS must be a JSON object/);
    expect(faultWith('no/such/file.json')).toThrow(/nor a file that can be read|is neither/);
    expect(faultWith({ a: { kind: 'hmac', secrets: ['short'] } })).toThrow(/a\.secrets\.0/);
    expect(faultWith({ a: { kind: 'hmac', secrets: ['short'] } })).not.toThrow(/short\b/);
    // Their bytes are what stands in base64: of these none, or seven.
    for (const secret of ['whsec_!!!!!!!!!!!!!!!!', 'whsec_c2hvcnRlcg==']) {
      expect(faultWith({ a: { kind: 'standard', secrets: [secret] } })).toThrow(/a\.secrets\.0/);
    }
    expect(faultWith({ a: { kind: 'alchemy', secrets: [] } })).toThrow(/a\.secrets/);
    expect(faultWith({ a: { kind: 'carrier-pigeon' } })).toThrow(/a\.kind/);
    const http = { kind: 'fireblocks', jwksUrl: 'http://keys.example' };
    expect(faultWith({ a: http })).toThrow(/a\.jwksUrl: must be an https/);
    expect(faultWith({ 'A B': { kind: 'alchemy', secrets: [OLD] } })).toThrow(/A B/);
  });
});

describe('transactions', () => {
  const named = (value: unknown) => namedTransactions(Buffer.from(JSON.stringify(value)));

  test('are found wherever providers put them, each once', () => {
    const [one, two, three] = ['01', '02', '03'].map((byte) => `0x${byte.repeat(32)}`);
    const activity = { event: { activity: [{ hash: one, log: { transactionHash: one } }] } };
    expect(named(activity)).toEqual([one]);
    expect(named({ data: { txHash: two?.toUpperCase().replace('0X', '0x') } })).toEqual([two]);
    expect(named([{ tx_id: one }, { 'transaction-id': two }, { TXID: three }]).sort()).toEqual([
      one,
      two,
      three,
    ]);
    const block = { block: { hash: one, logs: [{ transaction: { hash: two } }] } };
    expect(named(block)).toEqual([two]);
    expect(named({ hash: '0x12', txid: 7, note: one, topics: [one] })).toEqual([]);
  });

  test('are found in a body that is nested deeper than a stack', () => {
    const deep = `${'['.repeat(200_000)}{"txid":"${TXID}"}${']'.repeat(200_000)}`;
    expect(namedTransactions(Buffer.from(deep)).length).toBeLessThanOrEqual(1);
    const many = Array.from({ length: 2_000 }, (_, at) => ({
      txid: `0x${at.toString(16).padStart(64, '0')}`,
    }));
    expect(named(many)).toHaveLength(500);
  });
});
