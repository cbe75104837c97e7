import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import { server } from './servers.ts';
import { untilListening } from './running-server.ts';
import type { RunningServer } from './running-server.ts';

/** Starts a NATS server whose JetStream stores its files in the folder. */
export async function startNats(folder: string): Promise<RunningServer> {
  const port = await freePort();
  const file = join(folder, 'nats.conf');
  await writeFile(
    file,
    `host: 127.0.0.1\nport: ${port}\njetstream { store_dir: ${JSON.stringify(join(folder, 'jetstream'))} }\n`,
  );
  const program = await startProgram({
    command: server('nats-server'),
    args: ['-c', file],
    env: {},
    cwd: folder,
    logFile: join(folder, 'nats.log'),
  });
  await untilListening(port);
  return { url: `nats://127.0.0.1:${port}`, pid: program.pid, stop: () => program.end() };
}
