import type { RealRedis } from './real-redis.ts';
import { decodeReply, encodeError, encodeReply, parseCommands } from './resp.ts';
import type { Command } from './resp.ts';
import { runningProcess } from './sim-process.ts';
import type { SimProcess } from './sim-process.ts';
import { SimSocket } from './sim-socket.ts';
import { translate, isFree, writes } from './translation.ts';
import type { Translated } from './translation.ts';
import { virtualClock } from './virtual-clock.ts';
import { shaOf } from './virtual-scripts.ts';
import type { VirtualScripts } from './virtual-scripts.ts';

/** A connection of a process, as Redis sees it. */
export interface Link {
  readonly owner: SimProcess;
  readonly socket: SimSocket;
  name: string;
  /** Commands that were sent and not executed yet, in their order. */
  readonly pending: Command[];
  rest: Buffer;
  /** Replies and messages that have not arrived yet. */
  readonly arriving: Buffer[];
  readonly channels: Set<string>;
  /** The blocking command at the head of {@link pending} has found nothing. */
  blocked: { readonly keys: readonly string[]; readonly untilMs: number; ready: boolean } | undefined;
  open: boolean;
}

/** What is executed at once for a connection: one command, or a transaction. */
interface Prepared {
  readonly link: Link;
  readonly taken: readonly Command[];
  readonly units: readonly Translated[];
}

const ok = Buffer.from('+OK\r\n');

/**
 * What stands between the processes of a schedule and a real Redis. A command waits here until the schedule
 * has it executed, and its reply until the schedule has it delivered.
 */
export class SimRedis {
  readonly #real: RealRedis;
  readonly #scripts: VirtualScripts;
  readonly #links: Link[] = [];
  /** The scripts that this Redis knows. */
  readonly #texts = new Map<string, string>();
  #toldMs = 0;
  #nextExpiryMs = 0;
  /** Counts what processes do, so that the harness sees whether they still do something. */
  activity = 0;
  /** How many commands were executed. */
  executed = 0;

  constructor(real: RealRedis, scripts: VirtualScripts) {
    this.#real = real;
    this.#scripts = scripts;
  }

  /** Empties Redis. */
  async begin(): Promise<void> {
    await this.#real.call('FLUSHDB', 'SYNC');
  }

  get links(): readonly Link[] {
    return this.#links;
  }

  /** Opens a connection of the process whose code runs now. */
  connect(): SimSocket {
    const owner = runningProcess();
    if (owner === undefined) throw new Error('the harness has its own connection');
    this.activity += 1;
    const socket = new SimSocket(owner, {
      onBytes: (bytes) => this.#onBytes(link, bytes),
      onClosed: () => this.#close(link),
    });
    const link: Link = {
      owner,
      socket,
      name: owner.name,
      pending: [],
      rest: Buffer.alloc(0),
      arriving: [],
      channels: new Set(),
      blocked: undefined,
      open: true,
    };
    this.#links.push(link);
    return socket;
  }

  /** The connections whose next command can be executed. */
  executable(): Link[] {
    return this.#links.filter((link) => {
      const [head] = link.pending;
      if (head === undefined) return false;
      const { blocked } = link;
      if (blocked !== undefined) return blocked.ready || virtualClock.nowMs >= blocked.untilMs;
      return nameOf(head) !== 'multi' || link.pending.some((each) => nameOf(each) === 'exec');
    });
  }

  /** The connections on which something arrives. */
  deliverable(): Link[] {
    return this.#links.filter(
      ({ open, arriving, owner }) => open && arriving.length > 0 && owner.state === 'running',
    );
  }

  /** When the next blocking command gives up, in virtual time. */
  nextUnblockMs(): number {
    return this.#links.reduce(
      (soonest, { blocked }) => Math.min(soonest, blocked?.untilMs ?? Number.POSITIVE_INFINITY),
      Number.POSITIVE_INFINITY,
    );
  }

  /** Executes the next command of a connection. Its reply is yet to be delivered. */
  execute(link: Link): Promise<void> {
    return this.executeAll([link]);
  }

  /** The same for several connections, in this order and in one round trip. */
  async executeAll(links: readonly Link[]): Promise<void> {
    const prepared: Prepared[] = [];
    for (const link of links) {
      const each = await this.#prepare(link);
      if (each !== undefined) prepared.push(each);
    }
    if (prepared.length === 0) return;
    const replies = await this.#run(
      prepared.flatMap(({ units }) => units.map(({ command }) => command)),
      prepared.some(({ taken }) => taken.some((command) => writes(command))),
    );
    let at = 0;
    for (const each of prepared) {
      this.#finish(each, replies.slice(at, at + each.units.length), prepared.length > 1);
      at += each.units.length;
    }
  }

  /** Takes what is executed next. @returns undefined if it was answered without Redis. */
  async #prepare(link: Link): Promise<Prepared | undefined> {
    const taken = takeUnit(link);
    this.executed += 1;
    const [head = []] = taken;
    const name = nameOf(head);
    if (name === 'subscribe' || name === 'unsubscribe') {
      this.#subscribe(link, head);
      return undefined;
    }
    if (name === 'publish') {
      const heard = this.#publish(text(head[1]), head[2] ?? Buffer.alloc(0));
      this.#reply(link, encodeReply(heard));
      return undefined;
    }
    const units: Translated[] = [];
    for (const command of taken) {
      const translated = await translate(command, this.#scripts, this.#texts);
      if ('refusal' in translated) {
        this.#reply(link, encodeError(translated.refusal));
        return undefined;
      }
      units.push(translated);
    }
    return { link, taken, units };
  }

  /** @param amongOthers a command that was executed after this one may have brought what it blocks for. */
  #finish({ link, taken, units }: Prepared, replies: readonly Buffer[], amongOthers: boolean): void {
    const [{ block, reply: shape }] = units as [Translated]; // at least one was taken
    const [head] = taken as [Command];
    const [first = Buffer.alloc(0)] = replies;
    const shaped = shape === undefined ? first : shape(first);
    if (block !== undefined && isNothing(shaped)) {
      const untilMs = link.blocked?.untilMs ?? virtualClock.nowMs + block.waitMs;
      if (untilMs > virtualClock.nowMs) {
        const ready = link.blocked?.ready ?? amongOthers;
        link.blocked = { keys: block.keys, untilMs, ready };
        link.pending.unshift(head);
        return;
      }
    }
    link.blocked = undefined;
    this.#reply(link, replies.length === 1 ? shaped : Buffer.concat(replies));
  }

  /** Everything that arrives on a connection reaches its process. */
  deliver(link: Link): void {
    const bytes = Buffer.concat(link.arriving.splice(0));
    link.socket.deliver(bytes);
  }

  /** Breaks a connection. Commands that were not executed are lost, and so are replies. */
  cut(link: Link): void {
    link.socket.cut();
  }

  /**
   * The process has died.
   * @param keepsSent whether Redis still executes what the process has sent.
   */
  onDeath(owner: SimProcess, keepsSent: boolean): void {
    for (const link of this.#links) {
      if (link.owner !== owner) continue;
      link.open = false;
      link.arriving.length = 0;
      link.channels.clear();
      if (!keepsSent || link.blocked !== undefined) link.pending.length = 0;
      link.blocked = undefined;
    }
  }

  /** @returns the names of the keys in Redis. */
  async keys(): Promise<string[]> {
    await this.#run([], false);
    const keys = await this.#real.call('KEYS', '*');
    return (keys as string[]).filter((key) => !key.startsWith('vt:')).toSorted(); // it answers names
  }

  /** @returns the next command of a connection, for people. */
  describe(link: Link): string {
    const [head] = link.pending;
    if (head === undefined) return `nothing of ${link.name}`;
    const [name = '', first = ''] = head.slice(0, 2).map((each) => text(each));
    const lower = name.toLowerCase();
    const isScript = lower === 'eval' || lower === 'evalsha';
    const what = isScript ? this.#nameOf(lower === 'eval', first) : lower;
    const more =
      lower === 'multi'
        ? ` ${link.pending
            .slice(1, 3)
            .map((each) => nameOf(each))
            .join(' ')}`
        : '';
    return `${what}${more}${isScript || more ? '' : ` ${first.slice(0, 60)}`} of ${link.name}`;
  }

  #nameOf(isText: boolean, given: string): string {
    if (!isText) return this.#scripts.nameOf(given);
    const sha = shaOf(given);
    this.#scripts.name(given, sha);
    return this.#scripts.nameOf(sha);
  }

  /** Asks Redis as the harness. */
  ask(...command: readonly string[]): Promise<unknown> {
    return this.#real.call(...command);
  }

  /** @returns whether a key has a time to live. */
  async isKept(key: string): Promise<boolean> {
    return Number(await this.#real.call('PEXPIRETIME', key)) >= 0;
  }

  async #run(commands: readonly Command[], isWrite: boolean): Promise<readonly Buffer[]> {
    const now = virtualClock.nowMs;
    const before: (readonly (string | number)[])[] = [];
    if (now !== this.#toldMs) {
      const expires = this.#nextExpiryMs > 0 && now >= this.#nextExpiryMs;
      before.push(
        expires || this.#toldMs === 0 ? ['EVALSHA', this.#scripts.before, 0, now] : ['SET', 'vt:now', now],
      );
      this.#toldMs = now;
    }
    const blocked = this.#links.filter((link) => link.blocked !== undefined);
    const keys = blocked.flatMap((link) => link.blocked?.keys ?? []);
    const after = isWrite ? [['EVALSHA', this.#scripts.after, 0, ...keys]] : [];
    if (before.length + commands.length + after.length === 0) return [];
    const replies = await this.#real.run([...before, ...commands, ...after]);
    if (isWrite) this.#note(decodeReply(replies.at(-1) ?? Buffer.alloc(0)), blocked);
    return replies.slice(before.length, before.length + commands.length);
  }

  #note(swept: unknown, blocked: readonly Link[]): void {
    if (!Array.isArray(swept)) throw new Error(`Redis answers ${String(swept)}`);
    const [soonest, messages, found] = swept as [string, string[], number[]]; // as the script says
    this.#nextExpiryMs = Number(soonest);
    for (let at = 0; at < messages.length; at += 2)
      this.#publish(messages[at] ?? '', Buffer.from(messages[at + 1] ?? ''));
    let at = 0;
    for (const link of blocked) {
      const { blocked: its } = link;
      if (its === undefined) continue;
      its.ready = found.slice(at, at + its.keys.length).includes(1);
      at += its.keys.length;
    }
  }

  #publish(channel: string, message: Buffer): number {
    const heard = this.#links.filter(({ open, channels }) => open && channels.has(channel));
    const head = Buffer.from(`*3\r\n$7\r\nmessage\r\n`);
    for (const link of heard)
      link.arriving.push(Buffer.concat([head, encodeReply(channel), encodeReply(message)]));
    return heard.length;
  }

  #subscribe(link: Link, command: Command): void {
    const [name = '', ...channels] = command.map((each) => text(each));
    for (const channel of channels) {
      if (name.toLowerCase() === 'subscribe') link.channels.add(channel);
      else link.channels.delete(channel);
      this.#reply(link, encodeReply([name.toLowerCase(), channel, link.channels.size]));
    }
  }

  #reply(link: Link, bytes: Buffer): void {
    if (link.open) link.arriving.push(bytes);
    this.#answerFree(link);
  }

  #onBytes(link: Link, bytes: Buffer): void {
    this.activity += 1;
    if (link.owner.state === 'dead') return;
    const { commands, rest } = parseCommands(Buffer.concat([link.rest, bytes]));
    link.rest = rest;
    link.pending.push(...commands);
    this.#answerFree(link);
  }

  /** Answers commands that concern no data, unless others are before them. */
  #answerFree(link: Link): void {
    while (link.open && link.blocked === undefined) {
      const [head] = link.pending;
      if (head === undefined || !isFree(nameOf(head))) return;
      link.pending.shift();
      const answer = this.#freeAnswer(link, head);
      if (link.arriving.length > 0) link.arriving.push(answer);
      else process.nextTick(() => link.open && link.socket.deliver(answer));
    }
  }

  #freeAnswer(link: Link, command: Command): Buffer {
    switch (nameOf(command)) {
      case 'hello':
        return encodeError('NOPROTO unsupported protocol version');
      case 'info':
        return encodeReply('# Server\r\nredis_version:7.2.0\r\nloading:0\r\nrole:master\r\n');
      case 'time': {
        const now = virtualClock.nowMs;
        return encodeReply([String(Math.floor(now / 1000)), String((now % 1000) * 1000)]);
      }
      case 'client':
        if (text(command[1]).toLowerCase() === 'setname') link.name = shortName(text(command[2]));
        return ok;
      default:
        return ok;
    }
  }

  #close(link: Link): void {
    this.activity += 1;
    link.open = false;
    link.arriving.length = 0;
    link.channels.clear();
    link.pending.length = 0;
    link.blocked = undefined;
  }
}

function nameOf([name]: Command): string {
  return text(name).toLowerCase();
}

function text(bytes: Buffer | undefined): string {
  return bytes?.toString() ?? '';
}

/** @returns the name of a connection without the namespace. */
function shortName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

/** Takes what is executed at once: one command, or a transaction. */
function takeUnit({ pending }: Link): Command[] {
  const [head] = pending;
  if (head === undefined) throw new Error('no command waits');
  const last = nameOf(head) === 'multi' ? pending.findIndex((each) => nameOf(each) === 'exec') : 0;
  return pending.splice(0, last + 1);
}

function isNothing(reply: Buffer): boolean {
  return reply.toString('latin1', 0, 3) === '*-1' || reply.toString('latin1', 0, 3) === '$-1';
}
