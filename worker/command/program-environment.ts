import { commonSettings } from '#shared/settings/common.ts';
import { withoutSecrets } from '#shared/settings/secrets.ts';

/** What the program of a replica learns about itself. */
export interface ProgramIdentity {
  /** The loopback port on which it has to listen. */
  readonly port: number;
  /** The replica's name, e.g. `S1`. */
  readonly replica: string;
  readonly generation: number;
}

/** What only the worker itself needs. */
const workerOnly = [
  ...Object.keys(commonSettings),
  'GENERATION',
  'HEALTH_FILE',
  'MALLOC_MMAP_THRESHOLD_',
  'NODE_COMPILE_CACHE',
  'READY_FILE',
];

/**
 * @param env of the worker.
 * @returns the environment of its program: the worker's, without ringpost's settings and secrets, and with
 * `PORT`, `HOST`, `REPLICA` and `RINGPOST_GENERATION`.
 */
export function programEnvironment(
  env: NodeJS.ProcessEnv,
  { port, replica, generation }: ProgramIdentity,
): NodeJS.ProcessEnv {
  const hidden: ReadonlySet<string> = new Set(workerOnly);
  const inherited = Object.entries(withoutSecrets(env)).filter(([name]) => !hidden.has(name));
  return {
    ...Object.fromEntries(inherited),
    PORT: String(port),
    // The gateway's own HOST may be an address that other machines reach.
    HOST: '127.0.0.1',
    REPLICA: replica,
    RINGPOST_GENERATION: String(generation),
  };
}
