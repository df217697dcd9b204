import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { createCodec, encryptingConverter, readCodecKeys } from '../../src/temporal/codec.ts';

const old = `2025:${randomBytes(32).toString('base64')}`;
const fresh = `2026:${randomBytes(32).toString('base64')}`;
const payload = defaultPayloadConverter.toPayload({ wallet: 'alice', amount: '1.5' }) as Payload;

function codec(text: string) {
  const keys = readCodecKeys(text);
  if (!keys) throw new Error('no keys');
  return createCodec(keys);
}

async function throughBoth(from: string, to: string): Promise<unknown> {
  const [decoded] = await codec(to).decode(await codec(from).encode([payload]));
  return defaultPayloadConverter.fromPayload(decoded!);
}

describe('the payload codec', () => {
  it('gives back what it encrypted, and shows none of it', async () => {
    const [sealed] = await codec(fresh).encode([payload]);
    expect(Buffer.from(sealed!.data!).includes('alice')).toBe(false);
    expect(await throughBoth(fresh, fresh)).toEqual({ wallet: 'alice', amount: '1.5' });
  });

  it('reads after a rotation what an older key encrypted', async () => {
    expect(await throughBoth(old, `${fresh},${old}`)).toEqual({ wallet: 'alice', amount: '1.5' });
    const [sealed] = await codec(`${fresh},${old}`).encode([payload]);
    expect(Buffer.from(sealed!.metadata!.key!).toString()).toBe('2026');
  });

  it('reads what the first version encrypted: histories are kept for long', async () => {
    const keys = `2025:${Buffer.alloc(32, 7).toString('base64')}`;
    const metadata = { encoding: Buffer.from('binary/encrypted'), key: Buffer.from('2025') };
    const data = Buffer.from(
      '9orS4QrdDkueFWkYrBppwu/3Chi9lHhkXwtcXk+F0UlN/1AYuwm5tkFKSmyHDn0ER0CD0dFgzkUrsaYikFLOrqyu' +
        'aN4/vt0e2xIzHorIWuMDbgu6EFPN',
      'base64',
    );
    const [read] = await codec(keys).decode([{ metadata, data }]);
    expect(defaultPayloadConverter.fromPayload(read!)).toEqual({ wallet: 'alice', amount: '1.5' });
  });

  it('names the key that is missing', async () => {
    await expect(throughBoth(old, fresh)).rejects.toThrow('no key "2025"');
  });

  it('refuses a payload that was changed on the way', async () => {
    const [sealed] = await codec(fresh).encode([payload]);
    const data = Buffer.from(sealed!.data!);
    data[20] = data[20]! ^ 1;
    await expect(codec(fresh).decode([{ ...sealed, data }])).rejects.toThrow();
  });

  it('encrypts the same payload differently each time', async () => {
    const [a, b] = await codec(fresh).encode([payload, payload]);
    expect(Buffer.from(a!.data!).equals(Buffer.from(b!.data!))).toBe(false);
  });

  it('passes what was written before there were keys', async () => {
    const [plain] = await codec(fresh).decode([payload]);
    expect(defaultPayloadConverter.fromPayload(plain!)).toEqual({ wallet: 'alice', amount: '1.5' });
  });

  it('is off without keys and says which key is not one', () => {
    expect(encryptingConverter(readCodecKeys(undefined))).toBeUndefined();
    expect(() => readCodecKeys('a:c2hvcnQ=')).toThrow('number 1 is not one key of 32 bytes');
    expect(() => readCodecKeys(`${fresh},${fresh}`)).toThrow(
      'number 2 has the id of one before it',
    );
  });
});
