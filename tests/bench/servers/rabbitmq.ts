import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import { server } from './servers.ts';
import { untilListening } from './running-server.ts';
import type { RunningServer } from './running-server.ts';

/**
 * Starts a private RabbitMQ: its node, port mapper, cookie and data are separate from a RabbitMQ service on
 * the machine, and it listens only on loopback.
 */
export async function startRabbitMq(folder: string): Promise<RunningServer> {
  const home = join(folder, 'rabbitmq');
  await mkdir(home, { recursive: true });
  const port = await freePort();
  const mapperPort = String(await freePort());
  const logFile = join(folder, 'rabbitmq.log');
  const mapper = await startProgram({
    command: server('epmd'),
    args: ['-port', mapperPort, '-address', '127.0.0.1'],
    env: {},
    cwd: home,
    logFile,
  });
  await untilListening(Number(mapperPort));
  const settings = join(home, 'rabbitmq.conf');
  await writeFile(
    settings,
    [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      'tcp_listen_options.nodelay = true',
      // Little disk space must not stop the broker.
      'disk_free_limit.absolute = 50MB',
      '',
    ].join('\n'),
  );
  await writeFile(join(home, 'enabled_plugins'), '[].\n');
  // Busy-waiting schedulers take processor time from the other processes ("Thread busy waiting" in the
  // runtime guide).
  const noBusyWaiting = '+sbwt none +sbwtdcpu none +sbwtdio none';
  const broker = await startProgram({
    command: server('rabbitmq-server'),
    args: [],
    env: {
      HOME: home,
      ERL_EPMD_PORT: mapperPort,
      RABBITMQ_NODENAME: `bench-${port}@localhost`,
      RABBITMQ_DIST_PORT: String(await freePort()),
      RABBITMQ_MNESIA_BASE: join(home, 'data'),
      RABBITMQ_LOG_BASE: join(home, 'log'),
      RABBITMQ_GENERATED_CONFIG_DIR: join(home, 'generated'),
      RABBITMQ_SCHEMA_DIR: join(home, 'schema'),
      RABBITMQ_PID_FILE: join(home, 'pid'),
      RABBITMQ_CONFIG_FILE: settings,
      RABBITMQ_CONF_ENV_FILE: join(home, 'none.conf'),
      RABBITMQ_ADVANCED_CONFIG_FILE: join(home, 'none.config'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'enabled_plugins'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `${noBusyWaiting} -kernel inet_dist_use_interface {127,0,0,1}`,
    },
    cwd: home,
    logFile,
  });
  const stop = async (): Promise<void> => {
    await broker.end();
    await mapper.end();
  };
  try {
    await untilListening(port, 60_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `amqp://guest:guest@127.0.0.1:${port}`, pid: broker.pid, stop };
}
