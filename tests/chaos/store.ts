import type { Redis } from 'ioredis';
import type { TestRole } from '../fixtures/redis-users.ts';

/** The Redis of a scenario, which can be killed or frozen. */
export interface Store {
  /** The suite's own connection, to observe and to inject faults. It waits for Redis without limit. */
  readonly observer: Redis;
  /** @returns the URL with which the user of a role connects. */
  urlOf(role: TestRole): string;
  /** @returns what Redis has refused to the users of the roles since its last start. */
  refused(): Promise<string[]>;
  /** Sends SIGKILL; resolves when the process has ended. */
  kill(): Promise<void>;
  /** Restarts the server after {@link kill}; resolves when it has loaded its append-only file and answers. */
  restart(): Promise<void>;
  freeze(): void | Promise<void>;
  thaw(): void;
  /** Sets `maxmemory`, on all servers. */
  limitMemory(bytes: string): Promise<void>;
  /** Makes another server the master. Only several servers can do that. */
  switchOver?(): Promise<void>;
  /** Remembers which server is the master, before it fails. */
  noteMaster?(): Promise<void>;
  /** Resolves when another server is the master than the one that was noted, killed or frozen. */
  untilReplaced?(): Promise<void>;
  stop(): Promise<void>;
}
