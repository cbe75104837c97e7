import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import { server } from './servers.ts';
import { untilListening } from './running-server.ts';
import type { RunningServer } from './running-server.ts';

/**
 * Starts a RabbitMQ of our own: its node, port mapper, cookie and data have nothing to do with the machine's
 * service, and all that it listens on is on loopback.
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
      // What the machine has left is the bench's business.
      'disk_free_limit.absolute = 50MB',
      '',
    ].join('\n'),
  );
  await writeFile(join(home, 'enabled_plugins'), '[].\n');
  // Schedulers that wait busily take the processors from the processes beside them ("Thread busy waiting",
  // runtime guide).
  const quietly = '+sbwt none +sbwtdcpu none +sbwtdio none';
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
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `${quietly} -kernel inet_dist_use_interface {127,0,0,1}`,
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
