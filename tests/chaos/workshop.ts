import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findOrInstallRedis } from '../../gateway/redis/redis-binary.ts';
import { processesIn } from '../fixtures/command.ts';
import { now } from './clock.ts';

/** The folder in which the suite's processes run and leave their logs. */
export interface Workshop {
  /** Absolute, without symbolic links; the working directory of all processes. */
  readonly folder: string;
  /** The path of redis-server or valkey-server. */
  readonly redisBinary: string;
  /** Prints a line. */
  readonly say: (line: string) => void;
  /** Creates a folder for one run. */
  folderFor(name: string): Promise<string>;
  /** @throws Error if a process still runs in the folder after some seconds. */
  untilNothingRuns(): Promise<void>;
  /** Removes the folder of a run. */
  forget(folder: string): Promise<void>;
  /** Removes the folder, unless it is to be kept. */
  close(keep: boolean): Promise<void>;
}

/** @param suite part of the folder's name. */
export async function openWorkshop(say: (line: string) => void, suite = 'chaos'): Promise<Workshop> {
  const redisBinary = await findOrInstallRedis({
    env: process.env,
    mayInstall: process.env['INSTALL_REDIS'] === 'yes',
    log: say,
  });
  const folder = await realpath(await mkdtemp(join(tmpdir(), `ringpost-${suite}-`)));
  let runs = 0;
  return {
    folder,
    redisBinary,
    say,
    folderFor: async (name) => {
      runs += 1;
      const made = join(folder, `${String(runs).padStart(2, '0')}-${name}`);
      await mkdir(made);
      return made;
    },
    untilNothingRuns: async () => {
      const giveUpAt = now() + 10_000;
      for (let pids = await processesIn(folder); pids.length > 0; pids = await processesIn(folder)) {
        if (now() > giveUpAt) throw new Error(`processes are left over: ${pids.join(' ')}`);
        await delay(20);
      }
    },
    forget: (made) => rm(made, { recursive: true, force: true, maxRetries: 5 }),
    close: async (keep) => {
      if (!keep) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
