import type { Part } from '../measure/cpu.ts';
import type { ServerName } from '../servers/servers.ts';
import type { Executions } from '../workload/executions.ts';

/** Where a system is started, and with what. */
export interface Site {
  /** For its data and logs; the working directory of its processes. */
  readonly folder: string;
  readonly executions: Executions;
  /** How many workers. */
  readonly workers: number;
  /** Settings of all its processes, beside those that the system makes. */
  readonly env: NodeJS.ProcessEnv;
}

/** A system that answers. */
export interface Running {
  /** `http://127.0.0.1:<port>` of each gateway. */
  readonly urls: readonly string[];
  /** The processes that it consists of; workers need not be among them, they tell of themselves. */
  readonly parts: readonly Part[];
  /** Its Redis, where it has one. */
  readonly redisUrl?: string;
  /** Resolves when nothing of it runs. */
  stop(): Promise<void>;
}

/** What is compared: HTTP in front, workers behind, something between. */
export interface System {
  readonly name: string;
  /** What it is, in a few words. */
  readonly title: string;
  /** What survives the death of all its processes: whether an accepted request does. */
  readonly durable: boolean;
  /** How it is set, for who wants to judge whether that is fair. */
  readonly settings: string;
  /** What it needs of the machine, beside Node. */
  readonly needs: readonly ServerName[];
  /** @returns when it answers and has all its workers. */
  start(site: Site): Promise<Running>;
}
