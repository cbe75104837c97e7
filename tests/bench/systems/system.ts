import type { Part } from '../measure/cpu.ts';
import type { ServerName } from '../servers/servers.ts';
import type { Executions } from '../workload/executions.ts';

/** What a system is started with. */
export interface Site {
  /** For its data and logs; the working directory of its processes. */
  readonly folder: string;
  readonly executions: Executions;
  /** The number of workers. */
  readonly workers: number;
  /** Settings for all its processes, in addition to its own. */
  readonly env: NodeJS.ProcessEnv;
}

/** A running system that answers. */
export interface Running {
  /** `http://127.0.0.1:<port>` of each gateway. */
  readonly urls: readonly string[];
  /** Its processes. Workers may be left out, since they report their own pids. */
  readonly parts: readonly Part[];
  /** Its Redis, if it has one. */
  readonly redisUrl?: string;
  /** Resolves when all its processes have ended. */
  stop(): Promise<void>;
}

/** A system to compare: it takes HTTP requests, and workers answer them. */
export interface System {
  readonly name: string;
  /** A description in a few words. */
  readonly title: string;
  /** Whether an accepted request survives the death of all its processes. */
  readonly durable: boolean;
  /** How it is configured, so that readers can judge whether that is fair. */
  readonly settings: string;
  /** The programs that it needs besides Node.js. */
  readonly needs: readonly ServerName[];
  /** Resolves when the system answers and has all its workers. */
  start(site: Site): Promise<Running>;
}
