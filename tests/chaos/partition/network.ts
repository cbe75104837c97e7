import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { findOnPath } from '#shared/process/tethered.ts';
import { loopback } from '../../fixtures/redis-servers.ts';
import type { ServerHost } from '../../fixtures/redis-servers.ts';

/** Where processes run, on one side of a network that can be parted. */
export interface Side extends ServerHost {
  /** The address at which the suite reaches listeners there at any time. */
  readonly control: string;
}

/** This machine, as its own processes reach it. */
export const here: Side = { ...loopback, control: loopback.address };

/** `ip` is not on the PATH of every user. */
const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
const namePrefix = 'ringpost-';

/**
 * Two hosts on one machine, the mainland and an island, and a network between them that can be parted. The
 * island is a network namespace of its own. A bridge connects it to the mainland, which is the machine's own
 * namespace. Parted, packets vanish without any notice, as behind a switch that is cut off. A second network,
 * which is never parted, is for the suite alone: no process has an address of it but for HTTP.
 */
export class PartedNetwork {
  readonly mainland: Side;
  readonly island: Side;
  readonly #bridge = `rp${process.pid}b`;
  readonly #port = `rp${process.pid}d`;
  readonly #control = `rp${process.pid}c`;
  readonly #name = `${namePrefix}${process.pid}`;

  private constructor(subnet: number) {
    const name = this.#name;
    // RFC 2544 keeps 198.18.0.0/15 for tests of networks.
    this.mainland = { address: `198.18.${subnet}.1`, control: loopback.address, command: loopback.command };
    this.island = {
      address: `198.18.${subnet}.2`,
      control: `198.19.${subnet}.2`,
      command: (line) => [ipFile(), 'netns', 'exec', name, ...line],
    };
    removeLeftOver();
    try {
      ip(`netns add ${name}`);
      ip(`link add ${this.#bridge} type bridge`);
      ip(`address add ${this.mainland.address}/24 dev ${this.#bridge}`);
      ip(`link set ${this.#bridge} up`);
      ip(`link add ${this.#port} type veth peer name data netns ${name}`);
      ip(`link set ${this.#port} master ${this.#bridge} up`);
      ip(`link add ${this.#control} type veth peer name control netns ${name}`);
      ip(`address add 198.19.${subnet}.1/24 dev ${this.#control}`);
      ip(`link set ${this.#control} up`);
      ip(`-n ${name} address add ${this.island.address}/24 dev data`);
      ip(`-n ${name} address add ${this.island.control}/24 dev control`);
      for (const device of ['lo', 'data', 'control']) ip(`-n ${name} link set ${device} up`);
      ip(`netns exec ${name} true`);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @throws Error if the machine has no network namespaces for this user. */
  static create(): PartedNetwork {
    return new PartedNetwork(randomInt(1, 255));
  }

  /** @returns why there can be no such network on this machine; undefined if there can. */
  static missing(): string | undefined {
    if (process.platform !== 'linux') return 'only Linux has network namespaces';
    if (process.getuid?.() !== 0) return 'network namespaces need root';
    if (findOnPath('ip', path) === undefined) return 'there is no ip on PATH (package iproute2)';
    try {
      PartedNetwork.create().close();
      return undefined;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return `no network namespace can be made here: ${why}`;
    }
  }

  /** Parts the two sides. */
  part(): void {
    ip(`link set ${this.#port} nomaster`);
  }

  join(): void {
    ip(`link set ${this.#port} master ${this.#bridge}`);
  }

  /** Removes it, also if only parts of it are there. */
  close(): void {
    for (const line of [
      `link delete ${this.#port}`,
      `link delete ${this.#control}`,
      `link delete ${this.#bridge}`,
      `netns delete ${this.#name}`,
    ])
      run(line);
  }
}

/** Removes what a suite that was killed has left. */
function removeLeftOver(): void {
  const names = run('netns list').stdout.match(/^ringpost-\d+/gm) ?? [];
  for (const name of names) {
    const pid = Number(name.slice(namePrefix.length));
    if (isThere(pid)) continue;
    run(`netns delete ${name}`);
    run(`link delete rp${pid}b`);
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function ipFile(): string {
  return findOnPath('ip', path) ?? 'ip';
}

/** @throws Error with what `ip` says. */
function ip(line: string): void {
  const { status, stderr } = run(line);
  if (status !== 0) throw new Error(`ip ${line}: ${stderr.trim() || `ended with ${status}`}`);
}

function run(line: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(ipFile(), line.split(' '), { encoding: 'utf8', timeout: 10_000 });
}
