import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

const JOURNAL = new URL('../../examples/remote-signer/journal.ts', import.meta.url).href;

/** A file may have so many bytes, which stops a write half-way as a full disk does. */
const BLOCKS = 1;

/** Journals three requests, the second of which does not fit. Prints which were taken. */
const PROGRAM = `
  import { openJournal } from '${JOURNAL}';
  const journal = openJournal(process.argv[1]);
  const address = '0x' + '1'.repeat(40);
  const write = (groupId, nonce) => {
    const payment = { kind: 'payment', destination: address, contract: null, units: '1' };
    try {
      journal.write({ groupId, chain: 'eip155:1', sender: address, nonce, ...payment });
      return journal.ofGroup(groupId) !== undefined;
    } catch (error) {
      return error.code;
    }
  };
  console.log(JSON.stringify([write('a', 0), write('b'.repeat(1000), 1), write('c', 1)]));`;

it("a signer's journal has whole lines alone, also of a disk that was full", () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-journal-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const journal = join(folder, 'signed.jsonl');
  const script = `trap '' XFSZ; ulimit -f ${BLOCKS}; exec "$0" --input-type=module -e "$1" "$2"`;
  const ran = spawnSync('/bin/sh', ['-c', script, process.execPath, PROGRAM, journal], {
    encoding: 'utf8',
  });
  expect([ran.stdout, ran.stderr]).toEqual(['[true,"EFBIG",true]\n', '']);
  const lines = readFileSync(journal, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).groupId)).toEqual(['a', 'c']);
});
