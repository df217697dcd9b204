/** What the machine must have before anything is installed. Node 20's built-ins alone. */
import { spawnSync } from 'node:child_process';
import { existsSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';

const MIN_NODE = [20, 19];
/** What the prebuilt Node 24, Temporal's native module and Postgres ask for at most. */
const MIN_GLIBC = [2, 35];
/** macOS 13. */
const MIN_DARWIN = [22, 0];
/** Packages 0.9 GB, npm's cache of them 0.4 GB, fetched programs 0.25 GB, and some data. */
const FIRST_RUN_MB = 2000;
const LATER_RUN_MB = 500;
const BYTES_PER_MB = 1024 * 1024;

/** @returns one sentence for each thing that is missing; empty when all is there */
export function whatIsMissing(clone) {
  return [node(), platform(), disk(clone), command('git'), command('npm')].filter(Boolean);
}

function node() {
  if (atLeast(process.versions.node, MIN_NODE)) return null;
  const wanted = `Node ${MIN_NODE.join('.')} or newer (https://nodejs.org)`;
  return `${wanted}: this is ${process.versions.node}.`;
}

function platform() {
  if (bringsAllServers()) return null;
  const { platform: os, arch } = process;
  const instead =
    'Elsewhere install Node 24 and set DATABASE_URL, TEMPORAL_ADDRESS and CHAIN_RPC_URL' +
    ' (Windows: use WSL2).';
  if (!['linux', 'darwin'].includes(os) || !['x64', 'arm64'].includes(arch)) {
    return `Linux or macOS on x64 or arm64: this is ${os} on ${arch}. ${instead}`;
  }
  if (os === 'darwin') {
    return atLeast(release(), MIN_DARWIN) ? null : `macOS 13 or newer. ${instead}`;
  }
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  if (!glibc) return `glibc: this Linux has another C library, such as musl. ${instead}`;
  if (atLeast(glibc, MIN_GLIBC)) return null;
  return `glibc ${MIN_GLIBC.join('.')} or newer: this is ${glibc}. ${instead}`;
}

/** With Node 24 and the three addresses none of the binaries that we bring is run. */
function bringsAllServers() {
  const { DATABASE_URL, TEMPORAL_ADDRESS, CHAIN_RPC_URL } = process.env;
  const addresses = DATABASE_URL && TEMPORAL_ADDRESS && CHAIN_RPC_URL;
  return Boolean(addresses) && process.versions.node.startsWith('24.');
}

function disk(clone) {
  const needed = existsSync(join(clone, 'node_modules')) ? LATER_RUN_MB : FIRST_RUN_MB;
  const { bavail, bsize } = statfsSync(clone);
  const free = Math.floor((bavail * bsize) / BYTES_PER_MB);
  if (free >= needed) return null;
  return `${needed} MB of free disk where the clone lies (${clone}): there are ${free} MB.`;
}

function command(name) {
  const found = spawnSync(name, ['--version'], { stdio: 'ignore' });
  return found.status === 0 ? null : `${name} on PATH.`;
}

/**
 * No proxy stands between parts of one machine. Where Node is told to use one
 * (`NODE_USE_ENV_PROXY`), it asks that for 127.0.0.1 too unless it is told not to; of the two names
 * it reads the lower case one first. An asterisk means all hosts where it stands alone, and none in
 * a list.
 */
export function withoutProxyHere({ no_proxy: lower, NO_PROXY: upper }) {
  const given = (lower ?? upper)?.trim();
  const list = [given, '127.0.0.1', 'localhost'].filter(Boolean).join(',');
  const hosts = given === '*' ? given : list;
  return { no_proxy: hosts, NO_PROXY: hosts };
}

/** Compares the first two numbers of a version. */
function atLeast(version, [major, minor]) {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}
