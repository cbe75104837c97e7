import type { Command } from 'commander';
import { readSettings, SettingsError } from '#shared/settings/load-settings.ts';
import { readConfigFile } from '../settings/config-file.ts';
import { loadGatewayConfig } from '../settings/config.ts';
import { misspeltWarnings } from '../settings/misspelt-warnings.ts';
import { joinSettings } from '../settings/setting-sources.ts';
import { gatewaySettings } from '../settings/settings.ts';
import type { Context } from './context.ts';
import { checkDocker } from './doctor-docker.ts';
import { checkNode, checkPackages } from './doctor-packages.ts';
import { checkPort } from './doctor-ports.ts';
import { checkRedisOf } from './doctor-redis.ts';
import { exitCodes } from './failure.ts';
import { runsContainers } from '../drivers/driver-kind.ts';
import type { Finding } from './finding.ts';
import type { Paint } from './paint.ts';
import { shownText } from './shown.ts';

/** `ringpost doctor`. */
export function define(command: Command, context: Context): void {
  const { output } = context;
  command
    .description(
      'Check what a start with these settings needs: Node.js, settings, Redis, ports, Docker, packages. ' +
        'Nothing is changed. The exit code is 1 if something failed.',
    )
    .option('--config <file>', 'a config file (ringpost.config.ts, .mts, .js, .mjs, .json)')
    .option('--json', 'print one JSON document')
    .action(async ({ config }: { readonly config?: string }) => {
      const { env, findings } = await checkSettings(config, context);
      const checks = [
        checkNode(process.version),
        ...findings,
        ...(await checkSurroundings(env)),
        ...checkPackages(),
      ];
      const ok = checks.every(({ level }) => level !== 'failed');
      output.show({ ok, checks }, () => findingLines(checks, output.paint));
      context.exitWith(ok ? exitCodes.ok : exitCodes.failed);
    });
}

async function checkSettings(
  config: string | undefined,
  { settings, faults: secretFaults }: Context,
): Promise<{ readonly env: NodeJS.ProcessEnv; readonly findings: readonly Finding[] }> {
  const faults = [...secretFaults];
  const file = await readConfigFile(process.cwd(), config).catch((error: unknown) => {
    if (!(error instanceof SettingsError)) throw error;
    faults.push(...error.faults);
    return undefined;
  });
  const env = joinSettings(file?.settings ?? {}, settings);
  try {
    loadGatewayConfig(env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    faults.push(...error.faults);
  }
  const check = 'settings';
  const where = file === undefined ? 'the environment' : `the environment and ${file.path}`;
  const valid: Finding = { check, level: 'ok', message: `The settings in ${where} are valid.` };
  return {
    env,
    findings: [
      ...(faults.length === 0 ? [valid] : []),
      ...faults.map((message): Finding => ({
        check,
        level: 'failed',
        message,
        advice: 'Run `ringpost settings`, which says what each setting can be.',
      })),
      ...misspeltWarnings(settings).map((message): Finding => ({ check, level: 'warning', message })),
    ],
  };
}

async function checkSurroundings(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const { values } = readSettings(gatewaySettings, env);
  const { HOST, PORT, ADMIN_HOST, ADMIN_PORT, REDIS_URL, NAMESPACE, ROLE, REPLICA_DRIVER, LEASE_MS } = values;
  const listens = ROLE !== 'controller';
  const [redis, port, adminPort, docker] = await Promise.all([
    checkRedisOf({
      url: REDIS_URL,
      namespace: NAMESPACE,
      role: ROLE,
      leaseMs: LEASE_MS,
      path: env['PATH'],
    }),
    listens && isPort(PORT) ? checkPort('PORT', HOST, PORT) : undefined,
    listens && isPort(ADMIN_PORT) ? checkPort('ADMIN_PORT', ADMIN_HOST, ADMIN_PORT) : undefined,
    checkDocker(runsContainers(REPLICA_DRIVER) ? values.WORKER_IMAGE : undefined),
  ]);
  return [...redis, port, adminPort, ...docker].filter((finding) => finding !== undefined);
}

/** A value that is not valid is reported as a setting. */
function isPort(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 65_535;
}

function findingLines(checks: readonly Finding[], paint: Paint): string[] {
  const marks = {
    ok: paint.good('ok      '),
    warning: paint.warning('warning '),
    failed: paint.bad('failed  '),
    skipped: paint.dim('-       '),
  };
  return checks.flatMap(({ level, message, advice }) => [
    `${marks[level]}${shownText(message)}`,
    ...(advice === undefined ? [] : [`        ${shownText(advice)}`]),
  ]);
}
