import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { real } from './node-globals.ts';
import { decodeReply, encodeCommand, replyEnd } from './resp.ts';
import type { Decoded } from './resp.ts';

interface Waiting {
  readonly count: number;
  readonly replies: Buffer[];
  readonly resolve: (replies: readonly Buffer[]) => void;
  readonly reject: (error: Error) => void;
}

/** Hashes stay lists of their fields. The order of a hash table differs between servers. */
const inOrder = ['--hash-max-listpack-entries', '1000000', '--hash-max-listpack-value', '1000000'];

/** A Redis server of the harness's own, which keeps nothing, and one connection to it. */
export class RealRedis {
  readonly #server: ChildProcess;
  readonly #folder: string;
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;

  private constructor(server: ChildProcess, folder: string, socket: Socket) {
    this.#server = server;
    this.#folder = folder;
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#onBytes(bytes));
    socket.on('close', () => this.#waiting?.reject(new Error('the Redis of the harness has gone')));
  }

  /** @param binary of Redis or Valkey. */
  static async start(binary = 'redis-server'): Promise<RealRedis> {
    const folder = await mkdtemp(join(tmpdir(), 'ringpost-interleave-'));
    const path = join(folder, 'redis.sock');
    const server = spawn(
      binary,
      ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', folder, ...inOrder],
      { stdio: 'ignore' },
    );
    const ended = new Promise<never>((_, reject) => {
      server.once('error', reject);
      server.once('exit', (code) => reject(new Error(`${binary} has ended with ${code}`)));
    });
    ended.catch(() => undefined);
    const socket = await Promise.race([connected(path), ended]);
    return new RealRedis(server, folder, socket);
  }

  /** Sends commands in one write. @returns the replies as they came. One call at a time. */
  run(commands: readonly (readonly (Buffer | string | number)[])[]): Promise<readonly Buffer[]> {
    return new Promise((resolve, reject) => {
      this.#waiting = { count: commands.length, replies: [], resolve, reject };
      this.#socket.write(Buffer.concat(commands.map((each) => encodeCommand(each))));
    });
  }

  /** @throws {Error} the error that Redis answers. */
  async call(...command: readonly (Buffer | string | number)[]): Promise<Decoded> {
    const [reply] = await this.run([command]);
    const decoded = decodeReply(reply ?? Buffer.alloc(0));
    if (decoded instanceof Error) throw decoded;
    return decoded;
  }

  async stop(): Promise<void> {
    this.#socket.destroy();
    const ended = new Promise((resolve) => this.#server.once('exit', resolve));
    this.#server.kill('SIGKILL');
    await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }

  #onBytes(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    let at = 0;
    while (waiting.replies.length < waiting.count) {
      const end = replyEnd(this.#bytes, at);
      if (end < 0) break;
      waiting.replies.push(this.#bytes.subarray(at, end));
      at = end;
    }
    this.#bytes = this.#bytes.subarray(at);
    if (waiting.replies.length < waiting.count) return;
    this.#waiting = undefined;
    waiting.resolve(waiting.replies);
  }
}

/** Connects as soon as the server listens. */
async function connected(path: string): Promise<Socket> {
  for (let tries = 0; ; tries += 1) {
    const socket = createConnection(path);
    const failure = await new Promise<Error | undefined>((resolve) => {
      socket.once('connect', () => resolve(undefined));
      socket.once('error', resolve);
    });
    if (failure === undefined) return socket;
    if (tries === 500) throw failure;
    await new Promise((resolve) => real.setTimeout(resolve, 10));
  }
}
